/** The ports that the process listens on, and how they are closed. Composition only. */
import type { ProcessContext } from './process-context.ts';
import { listenPlain } from '../api/server/plain-server.ts';
import { FarletError, messageOf } from '../model/errors.ts';
import { contentType } from '../telemetry/metrics.ts';
import { metricsText, type Exposed } from '../telemetry/metrics-text.ts';
import type { Stoppable } from '../util/stopping.ts';

export class Listeners {
  readonly open: Stoppable[] = [];

  /** Keeps a listener once it listens. */
  async add(
    name: string,
    { key, opened }: { key: string; opened: Promise<{ close(): unknown }> },
  ): Promise<void> {
    const listener = await listening(key, opened);
    this.open.push({ name, stop: () => listener.close() });
  }
}

/** The listener; why it can't listen is told by the key of the configuration that says where. */
export async function listening<T>(key: string, opened: Promise<T>): Promise<T> {
  try {
    return await opened;
  } catch (error) {
    const advice =
      error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
        ? '; choose another, or end what has it (ss -ltnp shows which that is)'
        : '';
    throw new FarletError('unavailable', `${key}: ${messageOf(error)}${advice}`, { cause: error });
  }
}

/** Health for probes of farlet's pod, and metrics of process and nodes, each where it is configured. */
export async function listenPlainPorts(
  context: ProcessContext,
  { listeners, healthProblems }: { listeners: Listeners; healthProblems: () => string[] },
): Promise<void> {
  const { healthzPort, healthzBindAddress, metricsPort, metricsBindAddress } = context.config;
  if (healthzPort > 0)
    await listeners.add('healthz', {
      key: 'healthzPort',
      opened: listenPlain({ healthProblems }, { host: healthzBindAddress, port: healthzPort }),
    });
  if (metricsPort > 0) {
    const metrics = (): { pieces: AsyncIterable<string>; contentType: string } => ({
      pieces: metricsText(exposed(context)),
      contentType,
    });
    await listeners.add('metrics', {
      key: 'metricsPort',
      opened: listenPlain({ metrics }, { host: metricsBindAddress, port: metricsPort }),
    });
  }
}

/** Nodes are told apart by a label; what the process has one of has none. */
function exposed({ nodes, metrics }: ProcessContext): Exposed[] {
  const running = nodes.flatMap((node) => node.app() ?? []);
  const each = running.map((node) => ({ node: node.name, metrics: node.metrics }));
  return [...each, { node: undefined, metrics }];
}
