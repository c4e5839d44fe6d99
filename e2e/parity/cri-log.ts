/** From the calls that a proxy saw to those of one pod, in the form of the recordings. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { ProxiedCall } from '../harness/cri-proxy.ts';
import type { RecordedCall } from './recording.ts';

const changing = new Set([
  'RunPodSandbox',
  'StopPodSandbox',
  'RemovePodSandbox',
  'UpdatePodSandboxResources',
  'CreateContainer',
  'StartContainer',
  'StopContainer',
  'RemoveContainer',
  'UpdateContainerResources',
  'CheckpointContainer',
  'PullImage',
  'ExecSync',
]);

/** Calls that change something, and ExecSync. */
export function isRecorded(call: string): boolean {
  return changing.has(call);
}

interface Message {
  readonly pod_sandbox_id?: string;
  readonly container_id?: string;
  readonly sandbox_config?: Message;
  readonly config?: Message;
  readonly envs?: readonly { readonly key: string }[];
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
}

/**
 * The calls about the pods of a namespace, in the order in which they ended, ids by their containers' names.
 */
export function callsOf(namespace: string, calls: readonly ProxiedCall[]): RecordedCall[] {
  const sandboxes = new Set<string>();
  const containers = new Map<string, string>();
  for (const { call, request, response } of calls) {
    const asked = request as Message;
    const answered = (response ?? {}) as Message;
    const inNamespace = asked.config?.metadata?.namespace === namespace;
    if (call === 'RunPodSandbox' && inNamespace) sandboxes.add(answered.pod_sandbox_id ?? '');
    if (call === 'CreateContainer' && sandboxes.has(asked.pod_sandbox_id ?? ''))
      containers.set(answered.container_id ?? '', asked.config?.metadata?.name ?? '');
  }
  sandboxes.delete('');
  containers.delete('');
  const isHere = ({ call, request }: ProxiedCall): boolean => {
    const { pod_sandbox_id, container_id, config, sandbox_config } = request as Message;
    if (call === 'RunPodSandbox') return config?.metadata?.namespace === namespace;
    if (call === 'PullImage') return sandbox_config?.metadata?.namespace === namespace;
    return sandboxes.has(pod_sandbox_id ?? '') || containers.has(container_id ?? '');
  };
  return calls
    .filter(isHere)
    .map((each) => written(each, containers))
    .reduce(counted, []);
}

function written(
  { call, request, error }: ProxiedCall,
  containers: ReadonlyMap<string, string>,
): RecordedCall {
  // the sandbox's configuration goes along with other calls; it is RunPodSandbox's own
  const { sandbox_config: _again, ...rest } = request as Message;
  const { pod_sandbox_id, container_id, config } = rest;
  return {
    call,
    // what a probe or hook met is in the pod's events and status
    ...(error !== undefined && call !== 'ExecSync' && { error }),
    request: {
      ...rest,
      ...(pod_sandbox_id !== undefined && { pod_sandbox_id: '<sandbox>' }),
      ...(container_id !== undefined && { container_id: `<${containers.get(container_id) ?? 'id'}>` }),
      ...(config?.envs !== undefined && { config: { ...config, envs: byKey(config.envs) } }),
    },
  };
}

/** The kubelet's come in the random order of a map. */
function byKey<T extends { readonly key: string }>(envs: readonly T[]): T[] {
  return envs.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

function counted(calls: RecordedCall[], next: RecordedCall): RecordedCall[] {
  const last = calls.at(-1);
  if (next.call !== 'ExecSync' || last?.call !== 'ExecSync' || !isDeepStrictEqual(last.request, next.request))
    return [...calls, next];
  return [...calls.slice(0, -1), { ...last, times: (last.times ?? 1) + 1 }];
}
