import type { Pod } from '../../model/kube.ts';
import type { ObservedSandbox, PodRuntimeState } from '../../model/runtime-state.ts';

export interface SandboxVerdict {
  /** a new sandbox is needed */
  readonly changed: boolean;
  readonly attempt: number;
  /** the newest one, unless it may not be used again */
  readonly sandbox: ObservedSandbox | undefined;
}

/** Whether a pod's newest sandbox still serves (kuberuntime/util PodSandboxChanged). Pure. */
export function sandboxVerdict(pod: Pod, state: PodRuntimeState): SandboxVerdict {
  const newest = state.sandboxes[0];
  if (newest === undefined) return { changed: true, attempt: 0, sandbox: undefined };
  const ready = state.sandboxes.filter((sandbox) => sandbox.ready).length;
  if (ready > 1 || !newest.ready) return { changed: true, attempt: newest.attempt + 1, sandbox: newest };
  const hostNetwork = pod.spec.hostNetwork === true;
  if (newest.hostNetwork !== hostNetwork)
    return { changed: true, attempt: newest.attempt + 1, sandbox: undefined };
  if (!hostNetwork && newest.lacksAddress)
    return { changed: true, attempt: newest.attempt + 1, sandbox: newest };
  return { changed: false, attempt: newest.attempt, sandbox: newest };
}
