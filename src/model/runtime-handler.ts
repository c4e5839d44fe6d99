/** Whether a host's runtime can run a pod with the handler that its RuntimeClass names. Pure. */
import type { AdmissionReason } from './admission-reasons.ts';
import { podContainers } from './containers.ts';
import type { Pod } from './kube.ts';

/** A handler as far as it decides what pods may ask for. */
export interface PodHandler {
  /** "" is the default handler */
  readonly name: string;
  /** its pods run on a kernel of their own: a virtual machine, gVisor */
  readonly ownKernel: boolean;
}

export interface HandlerHost {
  readonly host: string;
  /** empty: the runtime does not report which it has */
  readonly handlers: readonly PodHandler[];
}

export function findHandler(name: string, { handlers }: HandlerHost): PodHandler | undefined {
  return handlers.find((each) => each.name === name);
}

/**
 * Why the pod can't run there: status.reason and what there is to do. `handler` is its RuntimeClass's; a
 * class without one, or no class, is "". A kubelet lets the runtime fail again and again where a handler is
 * missing; what a virtual machine can't do some runtimes leave out in silence.
 */
export function handlerRefusal(
  pod: Pod,
  handler: string,
  host: HandlerHost,
): { reason: AdmissionReason; message: string } | undefined {
  if (host.handlers.length === 0) return undefined;
  const found = findHandler(handler, host);
  const named = pod.spec.runtimeClassName ?? '';
  if (found === undefined) {
    if (handler === '') return undefined;
    const has = host.handlers.map(({ name }) => name).filter((name) => name !== '');
    return {
      reason: 'RuntimeHandlerNotFound',
      message: `host ${host.host} has no runtime handler "${handler}" (RuntimeClass ${named}), only: ${has.join(', ')}. Configure it in the host's runtime, or name the nodes that have it in the RuntimeClass's scheduling.nodeSelector`,
    };
  }
  const what = found.ownKernel ? beyondOwnKernel(pod) : undefined;
  if (what === undefined) return undefined;
  const by = handler === '' ? 'the default runtime handler' : `runtime handler "${handler}"`;
  return {
    reason: 'RuntimeHandlerUnsupported',
    message: `${what} can not be had with ${by} of host ${host.host}: its pods have a kernel of their own, apart from the host's. Leave it out, or use another RuntimeClass`,
  };
}

/**
 * The first of what a pod asks for that needs the host's kernel (Kata's limitations, gVisor's compatibility).
 */
function beyondOwnKernel(pod: Pod): string | undefined {
  const { spec } = pod;
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC'] as const) if (spec[field] === true) return field;
  for (const { name, hostPath } of spec.volumes ?? [])
    if (['Socket', 'CharDevice', 'BlockDevice'].includes(hostPath?.type ?? ''))
      return `hostPath of type ${hostPath?.type ?? ''} (volume ${name})`;
  for (const { spec: container } of podContainers(pod))
    if ((container.volumeMounts ?? []).some(({ mountPropagation }) => mountPropagation === 'Bidirectional'))
      return `mountPropagation Bidirectional (container ${container.name})`;
  const profiles = [spec, ...podContainers(pod).map((each) => each.spec)].map(
    ({ securityContext }) => securityContext?.appArmorProfile?.type ?? 'Unconfined',
  );
  return profiles.every((type) => type === 'Unconfined') ? undefined : 'an appArmorProfile';
}
