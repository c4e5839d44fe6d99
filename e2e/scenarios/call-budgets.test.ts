/**
 * What a pod's start and end cost, and a minute in which nothing is asked: calls of the host's runtime, its
 * shell (files, mounts, control groups) and the API server, bytes, and how often the far host is waited for.
 * Each is distance, or the CPU of another machine, and none creeps in unseen.
 *
 * A budget is what was measured. What exceeds it is measured again, a few times: a node's own beats, and what
 * happens to be done apart on a busy machine, fall into one try and not into another.
 */
import assert from 'node:assert/strict';
import { before, describe, it, type TestContext } from 'node:test';
import { between, inWords, leastOf, over, type Budget, type Counts } from '../../bench/budget.ts';
import { NodePods, numbered } from '../../bench/node-pods.ts';
import { pause } from '../harness/far-node.ts';
import { BYTES, ROUND_TRIPS, startMetered, type Meter } from '../harness/metered.ts';
import { useNamespace } from '../harness/namespace.ts';
import { IMAGE, shell } from '../harness/pods.ts';
import { useWorld } from '../harness/world.ts';

const NODE = 'counted';
/** that run all the time, and that are started at once */
const PODS = 5;
/** what is done for pods after they are Ready or gone counts as well */
const AFTERWARDS_MS = 3_000;
/**
 * Each way, when round trips are counted, for one try after the other: longer there and back than the host
 * takes for anything that a pod needs, so that nothing else that is asked meanwhile is a longer chain than
 * that of the pod. The busier the machine, the longer that has to be.
 */
const DELAYS_MS = [400, 400, 600, 600, 800, 800];
/** the longest chain of what is done for a pod afterwards */
const AFTER_ROUND_TRIPS = 5;
const MINUTE_MS = 60_000;

let meter: Meter;
const world = useWorld({
  hosts: [{ name: NODE, version: '2', link: 'ssh' }],
  farlet: false,
  onUp: async (up) => {
    meter = await startMetered(up, NODE);
  },
});

interface StartAndEnd {
  readonly start: Counts;
  readonly end: Counts;
}

interface Shape {
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
  /** of some pods at once, each */
  readonly together: StartAndEnd;
  /** of one on a slow link; statuses are far apart there, so that most are a PATCH of their own */
  readonly alone: StartAndEnd;
}

/**
 * KiB have a tenth of slack, those of the API server on the most that was measured: statuses that follow each
 * other closely are one PATCH or two, and each brings the pod back twice, in its answer and on the watch.
 */
const shapes: readonly Shape[] = [
  {
    name: 'one container and a token',
    spec: { terminationGracePeriodSeconds: 2, containers: [shell()] },
    alone: { start: { [ROUND_TRIPS]: 5, PATCH: 3 }, end: { [ROUND_TRIPS]: 3, PATCH: 2 } },
    together: {
      start: {
        ...{ run_podsandbox: 1, image_status: 1, create_container: 1, start_container: 1 },
        ...{ shell: 8, POST: 4, PATCH: 2 },
        ...{ [BYTES.toHost]: 17, [BYTES.fromHost]: 9, [BYTES.toApi]: 9, [BYTES.fromApi]: 40 },
      },
      end: {
        ...{ stop_container: 1, stop_podsandbox: 1, remove_container: 1, remove_podsandbox: 1 },
        ...{ shell: 4, POST: 1, PATCH: 2, DELETE: 1 },
        ...{ [BYTES.toHost]: 5, [BYTES.fromHost]: 8, [BYTES.toApi]: 6, [BYTES.fromApi]: 47 },
      },
    },
  },
  {
    name: 'what a pod usually has',
    spec: {
      terminationGracePeriodSeconds: 2,
      initContainers: [{ name: 'i', image: IMAGE, command: ['true'] }],
      containers: [
        shell(undefined, {
          volumeMounts: [
            { name: 'c', mountPath: '/c' },
            { name: 's', mountPath: '/s' },
          ],
          // just the first counts: how many more there are is a matter of time
          readinessProbe: { exec: { command: ['true'] }, periodSeconds: 30, timeoutSeconds: 10 },
        }),
      ],
      volumes: [
        { name: 'c', configMap: { name: 'settings' } },
        { name: 's', secret: { secretName: 'key' } },
      ],
    },
    alone: { start: { [ROUND_TRIPS]: 10, PATCH: 5 }, end: { [ROUND_TRIPS]: 3, PATCH: 2 } },
    together: {
      start: {
        ...{ run_podsandbox: 1, image_status: 2, create_container: 2, start_container: 2, exec_sync: 1 },
        ...{ shell: 18, POST: 7, PATCH: 3 },
        ...{ [BYTES.toHost]: 29, [BYTES.fromHost]: 18, [BYTES.toApi]: 14, [BYTES.fromApi]: 70 },
      },
      end: {
        ...{ stop_container: 1, stop_podsandbox: 1, remove_container: 2, remove_podsandbox: 1 },
        ...{ shell: 4, POST: 1, PATCH: 2, DELETE: 1 },
        ...{ [BYTES.toHost]: 6, [BYTES.fromHost]: 14, [BYTES.toApi]: 6, [BYTES.fromApi]: 65 },
      },
    },
  },
];

/**
 * Six beats of the node's status, each with a renewal of its lease and a request to the shell, and a look at
 * all that runs. The node's status is written once in five minutes, and watches end at random (GET): either
 * may be in this minute. Images are looked at once in five minutes too: the next try is without.
 */
const idle: Counts = {
  ...{ version: 1, status: 6, list_podsandbox: 1, list_containers: 1 },
  ...{ shell: 10, GET: 3, PUT: 6, PATCH: 1, [ROUND_TRIPS]: 7 },
  ...{ [BYTES.toHost]: 11, [BYTES.fromHost]: 28, [BYTES.toApi]: 19, [BYTES.fromApi]: 25 },
};

async function costOf(work: () => Promise<unknown>): Promise<Counts> {
  const earlier = await meter.counts();
  await work();
  return between(earlier, await meter.counts());
}

/**
 * Of some pods at once, for each: whole ones. What is less is not a cost of each pod but of the node, or of
 * some that waited for others. How often the host is waited for says nothing of one pod then.
 */
async function costOfEach(work: () => Promise<unknown>): Promise<Counts> {
  const { [ROUND_TRIPS]: _, ...all } = await costOf(async () => {
    await work();
    await pause(AFTERWARDS_MS);
  });
  const sizes: readonly string[] = Object.values(BYTES);
  return Object.fromEntries(
    Object.entries(all)
      .map(([what, count]): [string, number] => [
        what,
        sizes.includes(what) ? count / PODS : Math.floor(count / PODS),
      ])
      .filter(([, count]) => count > 0),
  );
}

/** Of one pod alone on a slow link; what comes after the work is not waited for by anybody. */
async function costAlone(delayMs: number, work: () => Promise<unknown>): Promise<Counts> {
  meter.setDelay(delayMs);
  let roundTrips = NaN;
  const { PATCH = 0 } = await costOf(async () => {
    const earlier = meter.roundTrips();
    await work();
    roundTrips = meter.roundTrips() - earlier;
    // what was under way then is over when the next is asked for
    await pause(AFTER_ROUND_TRIPS * 2 * delayMs);
  });
  return { [ROUND_TRIPS]: roundTrips, PATCH };
}

/** In one, as neither can be tried again without the other. */
function both({ start, end }: StartAndEnd): Counts {
  const named = (when: string, counts: Counts): [string, number][] =>
    Object.entries(counts).map(([what, count]) => [`${when}: ${what}`, count]);
  return Object.fromEntries([...named('start', start), ...named('end', end)]);
}

async function assertCosts(t: TestContext, measure: () => Promise<Counts>, budget: Budget): Promise<void> {
  const told = async (): Promise<Counts> => {
    const counts = await measure();
    for (const excess of over(counts, budget.budget)) t.diagnostic(`in one try, ${excess}`);
    return counts;
  };
  const least = await leastOf(told, budget);
  t.diagnostic(inWords(least));
  assert.deepEqual(over(least, budget.budget), [], inWords(least));
}

describe('no more is asked of the host and the API server', () => {
  const space = useNamespace(world, { name: 'budgets', node: NODE });
  const life = new AbortController();
  let pods: NodePods;
  before(async () => {
    await space.kubectl(['create', 'configmap', 'settings', '--from-literal=a=b']);
    await space.kubectl(['create', 'secret', 'generic', 'key', '--from-literal=a=b']);
    pods = new NodePods({ client: world.client, node: NODE, namespace: space.name, signal: life.signal });
    world.onEnd(() => {
      life.abort(new Error('the scenario is over'));
    });
    // watches, tokens' keys and images are there once a pod has been
    await pods.startAll(numbered('running', PODS));
  });

  it('in a minute in which pods just run', async (t) => {
    meter.setDelay(DELAYS_MS[0] ?? 0);
    await pause(AFTERWARDS_MS);
    await assertCosts(t, () => costOf(() => pause(MINUTE_MS)), { budget: idle, tries: 3 });
  });

  for (const { name, spec, together, alone } of shapes) {
    it(`for each of some pods at once: ${name}`, async (t) => {
      meter.setDelay(0);
      const names = numbered('burst', PODS);
      const measure = async (): Promise<Counts> =>
        both({
          start: await costOfEach(() => pods.startAll(names, spec)),
          end: await costOfEach(() => pods.deleteAll(names)),
        });
      await assertCosts(t, measure, { budget: both(together), tries: 4 });
    });

    it(`one after the other for a pod alone: ${name}`, async (t) => {
      const delays = [...DELAYS_MS];
      const measure = async (): Promise<Counts> => {
        const delayMs = delays.shift() ?? 0;
        return both({
          start: await costAlone(delayMs, () => pods.start('one', spec)),
          end: await costAlone(delayMs, () => pods.delete('one')),
        });
      };
      await assertCosts(t, measure, { budget: both(alone), tries: DELAYS_MS.length });
    });
  }

  it('and all of it has been counted', async () => {
    const counts = await meter.counts();
    const budgets = shapes.flatMap(({ together, alone }) => [
      ...[together.start, together.end],
      ...[alone.start, alone.end],
    ]);
    const names = [idle, ...budgets].flatMap((budget) => Object.keys(budget));
    assert.deepEqual(
      names.filter((what) => (counts.get(what) ?? 0) === 0),
      [],
    );
  });
});
