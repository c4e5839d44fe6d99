/**
 * The comparison finds what deviates, and lets pass what is allowed: on changed copies of the recordings
 * themselves.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Circumstances } from './allowed-differences.ts';
import { deviations } from './compare.ts';
import { goldenCases, type RecordedCall, type Recording, type Step } from './recording.ts';

const recorded = new Map(goldenCases().map((each) => [each.name, each]));

type Change = (recording: Recording) => Partial<Recording>;

interface Row {
  readonly what: string;
  readonly of: string;
  readonly containerd?: Circumstances['containerd'];
  readonly change: Change;
}

function found({ of, change, containerd = '2' }: Row): string[] {
  const golden = recorded.get(of);
  assert.ok(golden);
  return deviations(golden, { ...golden, ...change(structuredClone(golden)) }, { name: of, containerd });
}

const withSteps = (change: (steps: readonly Step[]) => readonly Step[]): Change => {
  return ({ steps }) => ({ steps: change(steps) });
};
const withCalls = (change: (calls: readonly RecordedCall[]) => readonly RecordedCall[]): Change => {
  return ({ cri }) => ({ cri: change(cri) });
};
const replaced = <T>(list: readonly T[], index: number, change: (item: T) => T): T[] =>
  list.map((item, at) => (at === (index + list.length) % list.length ? change(item) : item));
const configured = (call: RecordedCall, change: object): RecordedCall => ({
  ...call,
  request: { ...call.request, config: { ...(call.request.config as object), ...change } },
});
const nth = <T>(list: readonly T[], index: number): T => {
  const item = list.at(index);
  assert.ok(item !== undefined);
  return item;
};
const stop: RecordedCall = { call: 'StopPodSandbox', request: { pod_sandbox_id: '<sandbox>' } };

const same: readonly Row[] = [
  { what: 'a step merged into the next', of: 'running', change: withSteps((steps) => steps.toSpliced(2, 1)) },
  {
    what: 'garbage collected at another moment',
    of: 'crash-loop',
    change: withCalls((calls) => calls.filter(({ call }) => call !== 'RemoveContainer')),
  },
  { what: 'a sandbox stopped twice', of: 'running', change: withCalls((calls) => [...calls, stop, stop]) },
  {
    what: "labels of farlet's own",
    of: 'running',
    change: withCalls((calls) =>
      replaced(calls, 1, (call) => {
        const { labels } = call.request.config as { labels: object };
        return configured(call, { labels: { ...labels, 'farlet.dev/node': '<node>' } });
      }),
    ),
  },
  {
    what: 'one try more',
    of: 'unknown-handler',
    change: withCalls((calls) => [...calls, nth(calls, -1)]),
  },
  {
    what: 'a probe that ran once more',
    of: 'readiness',
    change: withCalls((calls) =>
      calls.map((call) => (call.call === 'ExecSync' ? { ...call, times: 17 } : call)),
    ),
  },
  {
    what: 'containers stopped side by side, in the other order',
    of: 'share-pid',
    change: withCalls((calls) => {
      const at = calls.findIndex(({ call }) => call === 'StopContainer');
      return calls.toSpliced(at, 2, nth(calls, at + 1), nth(calls, at));
    }),
  },
  {
    what: 'a container told of later than the one beside it',
    of: 'fails-never',
    change: withSteps((steps) => {
      const at = steps.findIndex(({ phase }) => phase === 'Running');
      const [before, after] = [nth(steps, at - 1), nth(steps, at)];
      const [bad = ''] = before.containerStatuses ?? [];
      const [, good = ''] = after.containerStatuses ?? [];
      return steps.toSpliced(at, 0, { ...after, containerStatuses: [bad, good] });
    }),
  },
  {
    what: "a runtime's other words",
    of: 'start-error',
    containerd: '1.6',
    change: ({ events }) => ({
      events: events.map((line) => line.replace(/directory$/, 'directory: unknown')),
    }),
  },
];

const deviating: readonly Row[] = [
  {
    what: 'states in the wrong order',
    of: 'init-sequence',
    change: withSteps((steps) => steps.toSpliced(3, 2, nth(steps, 4), nth(steps, 3))),
  },
  {
    what: 'a state that comes back',
    of: 'running',
    change: withSteps((steps) => steps.toSpliced(4, 0, nth(steps, 1))),
  },
  {
    what: 'a state that the kubelet does not show',
    of: 'running',
    change: withSteps((steps) => replaced(steps, 2, (step) => ({ ...step, phase: 'Unknown' }))),
  },
  {
    what: 'a phase that is never shown',
    of: 'running',
    change: withSteps((steps) => steps.filter(({ phase }) => phase !== 'Running')),
  },
  {
    what: 'a reason to wait that is never shown',
    of: 'crash-loop',
    change: withSteps((steps) =>
      steps.filter((step) => !JSON.stringify(step).includes('waiting(CrashLoopBackOff')),
    ),
  },
  { what: 'another end', of: 'running', change: withSteps((steps) => steps.slice(0, -1)) },
  {
    what: 'another exit code',
    of: 'running',
    change: withSteps((steps) =>
      replaced(steps, -1, (step) => ({
        ...step,
        containerStatuses: (step.containerStatuses ?? []).map((text) =>
          text.replace(/exitCode=\d+/, 'exitCode=7'),
        ),
      })),
    ),
  },
  {
    what: 'a container beside another that goes back',
    of: 'share-pid',
    change: withSteps((steps) => {
      const last = nth(steps, -1);
      const [a = ''] = last.containerStatuses ?? [];
      const running = nth(steps, -2);
      const mixed = { ...running, containerStatuses: [a, running.containerStatuses?.[1] ?? ''] };
      return [...steps.slice(0, -1), mixed, running, last];
    }),
  },
  {
    what: 'a condition that names others than the unready containers',
    of: 'share-pid',
    change: withSteps((steps) =>
      steps.map((step) => ({
        ...step,
        conditions: step.conditions.map((text) => text.replace('[a b]', '[b]')),
      })),
    ),
  },
  {
    what: 'a missing event',
    of: 'running',
    change: ({ events }) => ({ events: events.filter((line) => !line.includes(' Created ')) }),
  },
  {
    what: 'an event too many',
    of: 'running',
    change: ({ events }) => ({ events: [...events, 'Warning Unhealthy spec.containers{c}: no'] }),
  },
  {
    what: 'events in another order',
    of: 'running',
    change: ({ events }) => ({ events: events.toReversed() }),
  },
  {
    what: 'another field of the status',
    of: 'env',
    change: ({ lastStatusBeforeDeletion }) => ({
      lastStatusBeforeDeletion: { ...lastStatusBeforeDeletion, allocatedResources: { cpu: '1' } },
    }),
  },
  {
    what: 'a field that is missing in the status',
    of: 'running',
    change: ({ lastStatusBeforeDeletion: { podIPs: _podIPs, ...rest } }) => ({
      lastStatusBeforeDeletion: rest,
    }),
  },
  {
    what: 'a field of a request',
    of: 'running',
    change: withCalls((calls) => replaced(calls, 1, (call) => configured(call, { log_path: 'c/1.log' }))),
  },
  {
    what: 'a label that is not farlet.dev',
    of: 'running',
    change: withCalls((calls) =>
      replaced(calls, 1, (call) => {
        const { labels } = call.request.config as { labels: object };
        return configured(call, { labels: { ...labels, other: '1' } });
      }),
    ),
  },
  {
    what: 'another grace period',
    of: 'running',
    change: withCalls((calls) =>
      calls.map((call) =>
        call.call === 'StopContainer' ? { ...call, request: { ...call.request, timeout: '30' } } : call,
      ),
    ),
  },
  {
    what: 'a call left out',
    of: 'sidecar-job',
    change: withCalls((calls) =>
      calls.toSpliced(
        calls.findIndex(({ call }) => call === 'StartContainer'),
        1,
      ),
    ),
  },
  {
    what: 'a sidecar stopped before its pod',
    of: 'sidecar-job',
    change: withCalls((calls) => {
      const at = calls.findIndex(({ call }) => call === 'StopContainer');
      return calls.toSpliced(at, 2, nth(calls, at + 1), nth(calls, at));
    }),
  },
  {
    what: 'a sandbox that is never stopped',
    of: 'running',
    change: withCalls((calls) => calls.filter(({ call }) => call !== 'StopPodSandbox')),
  },
  {
    what: 'a hook that ran once more',
    of: 'hooks',
    change: withCalls((calls) =>
      calls.map((call) => (call.call === 'ExecSync' ? { ...call, times: 3 } : call)),
    ),
  },
  {
    what: 'a probe that hardly ran',
    of: 'liveness',
    change: withCalls((calls) =>
      calls.map((call) => (call.call === 'ExecSync' ? { ...call, times: 1 } : call)),
    ),
  },
  {
    what: 'a call that fails',
    of: 'running',
    change: withCalls((calls) =>
      replaced(calls, 2, (call) => ({ ...call, error: { code: 2, message: 'no' } })),
    ),
  },
  {
    what: "containerd 1.6's words on containerd 2",
    of: 'start-error',
    change: ({ events }) => ({
      events: events.map((line) => line.replace(/directory$/, 'directory: unknown')),
    }),
  },
  { what: 'an object that stays', of: 'running', change: () => ({ gone: false }) },
];

describe('a run compared with the recording', () => {
  for (const [name] of recorded)
    for (const containerd of ['1.6', '2'] as const)
      it(`passes when it is the recording: ${name} on ${containerd}`, () => {
        assert.deepEqual(found({ what: '', of: name, containerd, change: () => ({}) }), []);
      });
  for (const row of same)
    it(`passes with ${row.what} (${row.of})`, () => {
      assert.deepEqual(found(row), []);
    });
  for (const row of deviating)
    it(`fails with ${row.what} (${row.of})`, () => {
      assert.notDeepEqual(found(row), []);
    });
});
