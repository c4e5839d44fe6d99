/**
 * What a pod costs in calls, of its host's runtime, its shell (files, mounts, control groups) and of
 * the API server: each is a round trip or the CPU of another machine, and none creeps in unseen.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { callsBetween, parseCounts } from '../../bench/call-counts.ts';
import { samples } from '../../bench/metrics-page.ts';
import { emptied } from '../harness/emptied.ts';
import { useNamespace } from '../harness/namespace.ts';
import { IMAGE, shell } from '../harness/pods.ts';
import { useWorld } from '../harness/world.ts';

const NODE = 'counted';
const world = useWorld({ hosts: [{ name: NODE, version: '2', link: 'ssh' }] });
const PODS = 5;

/** By name: operations of the runtime, methods of the API server, and `shell`. */
type Calls = Readonly<Record<string, number>>;

/** what is asked whether or not there are pods, at times of its own */
const OF_THE_NODE = [
  ...['status', 'version', 'list_images', 'image_fs_info'],
  ...['list_podsandbox_stats', 'list_containers_stats', 'GET', 'PUT'],
];

async function calls(): Promise<ReadonlyMap<string, number>> {
  const page = await (await fetch(world.farlet.metricsUrl)).text();
  const { cri, api } = parseCounts(page);
  const shell = samples(page).filter(({ name }) => name === 'farlet_host_request_duration_seconds_count');
  return new Map([...cri, ...api, ['shell', shell.reduce((sum, { value }) => sum + value, 0)]]);
}

/** For each pod, and what the node did meanwhile. */
async function costOf(work: () => Promise<unknown>): Promise<Calls> {
  const before = await calls();
  await work();
  // what is done for the pods after they are Ready or gone counts as well
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const { each } = callsBetween(before, await calls(), PODS);
  return Object.fromEntries(Object.entries(each).filter(([name]) => !OF_THE_NODE.includes(name)));
}

/** So many for each pod, and one of all pods, which comes every minute. */
function looks(each: number): Calls {
  return { list_podsandbox: each + 2 / PODS, list_containers: each + 2 / PODS };
}

const usual = {
  initContainers: [{ name: 'i', image: IMAGE, command: ['true'] }],
  containers: [
    shell(undefined, {
      volumeMounts: [
        { name: 'c', mountPath: '/c' },
        { name: 's', mountPath: '/s' },
      ],
      readinessProbe: { exec: { command: ['true'] }, periodSeconds: 5 },
    }),
  ],
  volumes: [
    { name: 'c', configMap: { name: 'settings' } },
    { name: 's', secret: { secretName: 'key' } },
  ],
};

const rows: {
  name: string;
  spec: object;
  start: Calls;
  end: Calls;
}[] = [
  {
    name: 'one container and a token',
    spec: {},
    start: {
      ...looks(1),
      ...{
        run_podsandbox: 1,
        podsandbox_status: 1,
        image_status: 1,
        create_container: 1,
        start_container: 1,
      },
      ...{ shell: 9, POST: 4, PATCH: 4 },
    },
    end: {
      ...looks(1),
      ...{ stop_container: 1, stop_podsandbox: 1, remove_container: 1, remove_podsandbox: 1 },
      ...{ shell: 5, POST: 2, PATCH: 3, DELETE: 1 },
    },
  },
  {
    name: 'what a pod usually has',
    spec: usual,
    start: {
      ...looks(2),
      ...{
        run_podsandbox: 1,
        podsandbox_status: 1,
        image_status: 2,
        create_container: 2,
        start_container: 2,
      },
      ...{ exec_sync: 3, shell: 22, POST: 8, PATCH: 8 },
    },
    end: {
      ...looks(1),
      ...{ stop_container: 1, stop_podsandbox: 1, remove_container: 2, remove_podsandbox: 1 },
      ...{ exec_sync: 2, shell: 6, POST: 2, PATCH: 3, DELETE: 1 },
    },
  },
];

describe('a pod costs no more calls than', () => {
  const space = useNamespace(world, { name: 'budgets', node: NODE });
  const names = Array.from({ length: PODS }, (_, index) => `p${String(index)}`);
  const startAll = async (spec: object): Promise<void> => {
    await Promise.all(names.map((name) => space.createPod(name, spec)));
    for (const name of names) await space.waitReady(name);
  };

  for (const { name, spec, start, end } of rows)
    it(name, async (t) => {
      await space.tryKubectl(['create', 'configmap', 'settings', '--from-literal=a=b']);
      await space.tryKubectl(['create', 'secret', 'generic', 'key', '--from-literal=a=b']);
      // watches, tokens' keys and images are there once a pod has been
      await startAll(spec);
      await space.deletePods(...names);
      await emptied(world.host(NODE));
      const started = await costOf(() => startAll(spec));
      const ended = await costOf(() => space.deletePods(...names));
      t.diagnostic(`start ${JSON.stringify(started)}, end ${JSON.stringify(ended)}`);
      for (const [cost, budget] of [
        [started, start],
        [ended, end],
      ] as const)
        for (const [call, count] of Object.entries(cost))
          assert.ok(count <= (budget[call] ?? 0), `${call}: ${count} a pod, of ${JSON.stringify(cost)}`);
    });
});
