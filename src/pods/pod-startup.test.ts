import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../model/kube.ts';
import { pod } from '../testing/fixtures.ts';
import { coveredMs, PodStartup, type PodStarted } from './pod-startup.ts';

const created = Date.parse('2026-01-01T00:00:00Z');
const metadata = { creationTimestamp: '2026-01-01T00:00:00Z' };
const unscheduled = { conditions: [{ type: 'PodScheduled', status: 'False' }] };
const base = { image: 'i', imageID: 'i', ready: true, restartCount: 0 };
const runs = { ...base, state: { running: { startedAt: '2026-01-01T00:00:04Z' } } };
const running = (count = 1): Pod['status'] => ({
  phase: 'Running',
  startTime: '2026-01-01T00:00:01Z',
  containerStatuses: Array.from({ length: count }, (_, index) => ({ name: `c${index}`, ...runs })),
});
const pending: Pod['status'] = {
  phase: 'Pending',
  startTime: '2026-01-01T00:00:01Z',
  containerStatuses: [
    { name: 'c0', ...runs },
    { name: 'c1', ...base, state: { waiting: { reason: 'x' } } },
  ],
};

type Spec = Partial<Pod['spec']>;
type Step =
  | { at: number; observed: Pod['status'] }
  | { at: number; written: Pod['status'] }
  | { at: number; pulling: true }
  | { at: number; pulled: true }
  | { at: number; init: { id: string; seconds: number; name?: string } }
  | { at: number; forget: true };

function play(steps: readonly Step[], spec: Spec = {}): PodStarted[] {
  let now = created;
  const told: PodStarted[] = [];
  const startup = new PodStartup({ now: () => now, onStarted: (each) => told.push(each) });
  const of = (status: Pod['status']): Pod => pod({ metadata, spec, status });
  const { uid } = pod().metadata;
  for (const step of steps) {
    now = created + step.at * 1000;
    if ('observed' in step) startup.observed(of(step.observed));
    else if ('written' in step) startup.written(of(step.written));
    else if ('pulling' in step) startup.pulling(uid);
    else if ('pulled' in step) startup.pulled(uid);
    else if ('forget' in step) startup.forget(uid);
    else {
      const { id, name = 'init', seconds } = step.init;
      const run = { id, name, state: 'exited', startedAt: 1e9, finishedAt: (1 + seconds) * 1e9 };
      startup.looked(of({}), { containers: [run] as never });
    }
  }
  return told;
}

const started = (totalSeconds: number, sliSeconds = totalSeconds): PodStarted => ({
  totalSeconds,
  sliSeconds,
  isFirstNetworkPod: true,
});
const init: Spec = {
  initContainers: [{ name: 'init' }, { name: 'side', restartPolicy: 'Always' }],
};

describe('the time that a pod takes to start', () => {
  const rows: { name: string; steps: Step[]; spec?: Spec; told: PodStarted[] }[] = [
    {
      name: 'is from its creation to the watch that shows it running',
      steps: [
        { at: 1, observed: {} },
        { at: 4, written: running() },
        { at: 5, observed: running() },
      ],
      told: [started(5)],
    },
    {
      name: 'is not lost where the watch is faster than the answer to the write',
      steps: [
        { at: 1, observed: {} },
        { at: 4, observed: running() },
        { at: 5, written: running() },
      ],
      told: [started(4)],
    },
    {
      name: 'counts once',
      steps: [
        { at: 1, observed: {} },
        { at: 4, written: running() },
        { at: 5, observed: running() },
        { at: 6, written: running() },
        { at: 7, observed: running() },
      ],
      told: [started(5)],
    },
    {
      name: 'ends with the last container',
      steps: [
        { at: 1, observed: {} },
        { at: 4, written: pending },
        { at: 5, observed: pending },
        { at: 6, written: running(2) },
        { at: 7, observed: running(2) },
      ],
      told: [started(7)],
    },
    {
      name: 'does not begin for a pod that had begun before farlet did',
      steps: [
        { at: 1, observed: running() },
        { at: 4, written: running() },
        { at: 5, observed: running() },
      ],
      told: [],
    },
    {
      name: 'does not count for a pod that had no place at once',
      steps: [
        { at: 1, observed: unscheduled },
        { at: 2, observed: {} },
        { at: 4, written: running() },
        { at: 5, observed: running() },
      ],
      told: [],
    },
    {
      name: 'does not count for a pod that ended first',
      steps: [
        { at: 1, observed: {} },
        { at: 2, observed: { phase: 'Failed', startTime: '2026-01-01T00:00:01Z' } },
        { at: 4, written: running() },
        { at: 5, observed: running() },
      ],
      told: [],
    },
    {
      name: 'is forgotten with the pod',
      steps: [
        { at: 1, observed: {} },
        { at: 2, forget: true },
        { at: 4, written: running() },
      ],
      told: [],
    },
    {
      name: 'leaves out image pulls, with the failures before a success, and those at the same time once',
      steps: [
        { at: 0, observed: {} },
        { at: 1, pulling: true },
        { at: 3, pulling: true },
        { at: 4, pulled: true },
        { at: 5, pulled: true },
        { at: 6, written: running() },
        { at: 7, observed: running() },
      ],
      told: [started(7, 3)],
    },
    {
      name: 'leaves out each run of an init container once, and no sidecar',
      spec: init,
      steps: [
        { at: 0, observed: {} },
        { at: 1, init: { id: 'a', seconds: 1 } },
        { at: 2, init: { id: 'a', seconds: 1 } },
        { at: 3, init: { id: 'b', seconds: 2 } },
        { at: 3, init: { id: 's', name: 'side', seconds: 2 } },
        { at: 6, written: running() },
        { at: 7, observed: running() },
      ],
      told: [started(7, 4)],
    },
    {
      name: 'is no service level for a pod that keeps state',
      spec: { volumes: [{ name: 'v', hostPath: { path: '/v' } }] },
      steps: [
        { at: 1, observed: {} },
        { at: 4, written: running() },
        { at: 5, observed: running() },
      ],
      told: [{ totalSeconds: 5, sliSeconds: undefined, isFirstNetworkPod: false }],
    },
    {
      name: 'is not that of the first pod with a network, on the network of the host',
      spec: { hostNetwork: true, volumes: [{ name: 'v', emptyDir: {} }] },
      steps: [
        { at: 1, observed: {} },
        { at: 4, written: running() },
        { at: 5, observed: running() },
      ],
      told: [{ totalSeconds: 5, sliSeconds: 5, isFirstNetworkPod: false }],
    },
  ];
  for (const { name, steps, spec, told } of rows)
    it(name, () => {
      assert.deepEqual(play(steps, spec), told);
    });
});

describe('spans cover', () => {
  const rows = [
    { spans: [], ms: 0 },
    { spans: [{ from: 0, to: 2 }], ms: 2 },
    {
      spans: [
        { from: 0, to: 2 },
        { from: 3, to: 5 },
      ],
      ms: 4,
    },
    {
      spans: [
        { from: 0, to: 4 },
        { from: 1, to: 3 },
        { from: 2, to: 6 },
      ],
      ms: 6,
    },
  ];
  for (const { spans, ms } of rows)
    it(`${JSON.stringify(spans)}: ${ms}`, () => {
      assert.equal(coveredMs(spans), ms);
    });
});
