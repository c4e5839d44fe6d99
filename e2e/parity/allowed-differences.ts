/** Every difference from the recordings that is meant, with its reason. Nothing else may differ. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { ContainerdVersion } from '../harness/containerds.ts';
import type { RecordedCall, Recording } from './recording.ts';

/** How containerd 1.6 says what 2.x says otherwise. */
const words16: readonly (readonly [RegExp, string])[] = [
  [/no such file or directory: unknown/g, 'no such file or directory'],
  [/failed to get sandbox runtime: /g, 'unable to get OCI runtime for sandbox "<id>": '],
  [
    /failed to resolve reference \\?"127\.0\.0\.1:1\/nope:1\\?": failed to do request: Head (\\?)"http:/g,
    'failed to resolve image: failed to do request: Head $1"https:',
  ],
];

/** What was run, and on what. */
export interface Circumstances {
  readonly name: string;
  readonly containerd: ContainerdVersion;
}

export interface AllowedDifference {
  readonly name: string;
  readonly reason: string;
  /** absent: always */
  readonly when?: (of: Circumstances) => boolean;
  /** Takes the difference out of a recording; applied to both sides. */
  readonly erase: (recording: Recording, of: Circumstances) => Recording;
}

/**
 * Other times to watch, in seconds. liveness: three runs of 5 s and a back-off of 10 s take the kubelet 27 s,
 * since it sees each end up to a second late; without that the back-off is over at the 25 s of the recording.
 * bad-image: the kubelet tells how a pull failed only at its next sync, so that in 40 s it does not come to
 * tell the second back-off, which here begins after 20 s. poststart-fails: two runs that a grace of 1 s ends
 * and a back-off of 10 s take the kubelet more than 15 s, here about 13.
 */
export const otherWatchSeconds: Readonly<Record<string, number>> = {
  liveness: 22,
  'bad-image': 19,
  'poststart-fails': 11,
};

export const allowedDifferences: readonly AllowedDifference[] = [
  {
    name: 'own labels',
    reason: 'farlet marks its sandboxes and containers with node and cluster: a host may serve several',
    erase: onRequests((request) => without(request, /^labels\.farlet\.dev\//)),
  },
  {
    name: 'cgroup parent',
    reason: 'the recorded kubelet ran with cgroupsPerQOS off',
    erase: onRequests((request) => without(request, /^linux\.cgroup_parent$/)),
  },
  {
    name: 'hugepage limits',
    reason: 'one for each page size of the machine',
    erase: onRequests((request) => without(request, /^linux\.resources\.hugepage_limits$/)),
  },
  {
    name: 'garbage',
    reason: 'dead containers and sandboxes are removed by a collector at a moment of its own',
    erase: onCalls((calls) =>
      calls.filter(({ call }) => call !== 'RemoveContainer' && call !== 'RemovePodSandbox'),
    ),
  },
  {
    name: 'repeated stops of a sandbox',
    reason:
      'the kubelet itself repeats StopPodSandbox once more or less: on deletion, before removal, and when a deletion cut short the stop that was under way',
    erase: onCalls((calls) =>
      calls
        .filter(({ call, error }) => call !== 'StopPodSandbox' || error === undefined)
        .filter(({ call }, index, rest) => call !== 'StopPodSandbox' || rest[index - 1]?.call !== call),
    ),
  },
  {
    name: 'user of a container',
    reason: "containerd 1.6's ContainerStatus tells none (containerStatuses[].user)",
    when: ({ containerd }) => containerd === '1.6',
    erase: (recording) => ({
      ...recording,
      lastStatusBeforeDeletion: without(
        recording.lastStatusBeforeDeletion,
        /^(init|ephemeral)?[cC]ontainerStatuses\.user$/,
      ),
    }),
  },
  {
    name: "the runtime's words",
    reason: 'errors of the runtime are passed on as they are, and containerd 1.6 words them differently',
    when: ({ containerd }) => containerd === '1.6',
    erase: onTexts((text) =>
      words16.reduce((changed, [found, word]) => changed.replaceAll(found, word), text),
    ),
  },
  {
    name: 'name of a user',
    reason: 'id(1) names uid 1000 if the image has an /etc/passwd that does',
    when: ({ name }) => name === 'security',
    erase: onTexts((text) => text.replaceAll('uid=1000(user)', 'uid=1000')),
  },
  {
    name: 'limits of a pod that has ended',
    reason:
      'the recorded kubelet had no pod cgroup to read them from (cgroupsPerQOS off) and left them out; with one they stay',
    when: ({ name }) => name === 'oom',
    erase: (recording) => ({
      ...recording,
      lastStatusBeforeDeletion: without(recording.lastStatusBeforeDeletion, /^resources\.limits$/),
    }),
  },
  {
    name: 'back-off told at once',
    reason:
      'farlet tells of CrashLoopBackOff when the back-off begins; the kubelet at its next sync, which may be the one that ends it. ' +
      'The recording was cut within the back-off of 40 s: waiting there is the state before it for the kubelet',
    when: ({ name }) => name === 'crash-loop',
    erase: untold40s,
  },
  {
    name: 'readiness of a pod that is stopped',
    reason:
      "the kubelet means to probe readiness until the end, but its exec probes inherit the context of the sync that the deletion cancelled: each ends in 'context canceled' without reaching the runtime. farlet's reach it, and err only where the container is gone already",
    erase: (recording) => ({
      ...recording,
      events: recording.events.filter(
        (line) => !line.includes('Readiness probe errored and resulted in unknown state: '),
      ),
      cri: recording.cri.filter(
        ({ call, request }, index, calls) =>
          call !== 'ExecSync' || !isStopped(calls.slice(0, index), request),
      ),
    }),
  },
  {
    name: 'a runtime handler that is not there',
    reason:
      'the kubelet has the runtime fail again and again; farlet knows which handlers a host has and refuses the pod with the reason, so that a controller can make another elsewhere',
    when: ({ name }) => name === 'unknown-handler',
    erase: (recording) => ({
      ...recording,
      steps: [],
      lastStatusBeforeDeletion: {},
      events: [],
      cri: [],
    }),
  },
  {
    name: 'number of tries',
    reason: 'what fails is tried again at intervals; how many tries fit into the time watched is chance',
    erase: (recording) => ({
      ...recording,
      events: [...new Set(recording.events)],
      cri: recording.cri.filter(
        (call, index) => call.error === undefined || !isDeepStrictEqual(call, recording.cri[index - 1]),
      ),
    }),
  },
];

function isStopped(
  before: readonly RecordedCall[],
  { container_id, timeout }: RecordedCall['request'],
): boolean {
  const of = before.filter(
    ({ call, request }) =>
      call === 'RunPodSandbox' || call === 'CreateContainer' || request.container_id === container_id,
  );
  return timeout !== undefined && of.findLast(({ call }) => call !== 'ExecSync')?.call === 'StopContainer';
}

function untold40s(recording: Recording): Recording {
  const waiting = /waiting\(CrashLoopBackOff, message="back-off 40s [^"]*"\) last=(terminated\([^)]*\))/;
  const steps = recording.steps.map(({ containerStatuses, ...step }) => ({
    ...step,
    ...(containerStatuses && {
      containerStatuses: containerStatuses.map((text) => text.replace(waiting, '$1 last=$1')),
    }),
  }));
  const status = recording.lastStatusBeforeDeletion as {
    containerStatuses?: { state: { waiting?: { message?: string } }; lastState: object }[];
  };
  return {
    ...recording,
    steps,
    lastStatusBeforeDeletion: {
      ...status,
      containerStatuses: status.containerStatuses?.map((each) =>
        each.state.waiting?.message?.startsWith('back-off 40s ') === true
          ? { ...each, state: each.lastState }
          : each,
      ),
    },
  };
}

function onTexts(change: (text: string) => string) {
  const visit = (value: unknown): unknown => {
    if (typeof value === 'string') return change(value);
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, visit(each)]));
  };
  return (recording: Recording): Recording => visit(recording) as Recording;
}

function onCalls(change: (calls: readonly RecordedCall[]) => readonly RecordedCall[]) {
  return (recording: Recording): Recording => ({ ...recording, cri: change(recording.cri) });
}

/** On the `config` of every request that has one. */
function onRequests(change: (config: object) => object) {
  return onCalls((calls) =>
    calls.map((call) => {
      const { config } = call.request;
      if (typeof config !== 'object' || config === null) return call;
      return { ...call, request: { ...call.request, config: change(config) } };
    }),
  );
}

/** Without the values whose path, keys joined by dots, matches. */
export function without<T extends object>(value: T, path: RegExp): T {
  const visit = (each: unknown, at: readonly string[]): unknown => {
    if (Array.isArray(each)) return each.map((item) => visit(item, at));
    if (typeof each !== 'object' || each === null) return each;
    return Object.fromEntries(
      Object.entries(each)
        .filter(([key]) => !path.test([...at, key].join('.')))
        .map(([key, item]) => [key, visit(item, [...at, key])]),
    );
  };
  return visit(value, []) as T;
}
