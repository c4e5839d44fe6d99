/**
 * Pods one at a time: the floor's and farlet's take turns, so that whatever else the machine does hits both.
 */
import type { BenchOptions } from './options.ts';
import type { Environment } from './environment.ts';

export interface Starts {
  /** ms */
  readonly floor: readonly number[];
  /** ms of the floor's RunPodSandbox, CreateContainer, StartContainer */
  readonly floorSteps: readonly (readonly [number, number, number])[];
  /** ms from the create call's return to Ready */
  readonly farlet: readonly number[];
  /** ms of stopping and removing */
  readonly floorDeletes: readonly number[];
  /** ms from the delete call's return until the object is gone */
  readonly farletDeletes: readonly number[];
}

/** not counted: caches fill, code is compiled */
const WARM_UP = 3;

export async function measureStarts(
  env: Environment,
  { samples }: Pick<BenchOptions, 'samples'>,
  progress: (step: string) => void,
): Promise<Starts> {
  const starts = { floor: [], floorSteps: [], farlet: [], floorDeletes: [], farletDeletes: [] } as {
    -readonly [K in keyof Starts]: Starts[K][number][];
  };
  const floor = async (name: string, counts: boolean): Promise<void> => {
    const pod = await env.raw.startPod(env.template(name));
    await env.raw.assertRunning(pod);
    const deleted = await env.raw.deletePod(pod);
    if (!counts) return;
    starts.floor.push(pod.ms);
    starts.floorSteps.push(pod.steps);
    starts.floorDeletes.push(deleted);
  };
  const farlet = async (name: string, counts: boolean): Promise<void> => {
    const { createdAt, readyAt } = await env.pods.start(name);
    const deleted = await env.pods.delete(name);
    if (!counts) return;
    starts.farlet.push(readyAt - createdAt);
    starts.farletDeletes.push(deleted);
  };
  for (let turn = -WARM_UP; turn < samples; turn += 1) {
    const turns = [
      () => floor(`floor-${turn + WARM_UP}`, turn >= 0),
      () => farlet(`one-${turn + WARM_UP}`, turn >= 0),
    ];
    for (const take of turn % 2 === 0 ? turns : turns.reverse()) await take();
  }
  progress(`${samples} pods one at a time`);
  return starts;
}
