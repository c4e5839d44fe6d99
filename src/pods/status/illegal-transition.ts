import { isSidecar } from '../../model/containers.ts';
import type { Container, ContainerStatus, Pod, PodStatus } from '../../model/kube.ts';
import { couldRestartAll } from '../../runtime/decide/restart-all.ts';
import { restartsAfter } from '../../runtime/decide/restart-decision.ts';

/**
 * Why a status may not follow another: a container that is over and may not begin again is said not to be
 * over. Whoever computed that is wrong, and it must not be told (pkg/kubelet/status/status_manager.go
 * checkContainerStateTransition). undefined: it may. Pure.
 */
export function illegalTransition(pod: Pod, from: PodStatus, to: PodStatus): string | undefined {
  if ((pod.spec.restartPolicy ?? 'Always') === 'Always' || couldRestartAll(pod)) return undefined;
  const { containers, initContainers = [] } = pod.spec;
  const regular = revived(pod, containers, { from: from.containerStatuses, to: to.containerStatuses });
  if (regular !== undefined)
    return `terminated container ${regular} attempted illegal transition to non-terminated state`;
  const init = revived(
    pod,
    initContainers.filter((spec) => !isSidecar(spec)),
    { from: from.initContainerStatuses, to: to.initContainerStatuses },
  );
  return init === undefined
    ? undefined
    : `terminated init container ${init} attempted illegal transition to non-terminated state`;
}

function revived(
  pod: Pod,
  specs: readonly Container[],
  {
    from = [],
    to = [],
  }: { from?: readonly ContainerStatus[] | undefined; to?: readonly ContainerStatus[] | undefined },
): string | undefined {
  return specs.find((spec) => {
    const ended = from.find(({ name }) => name === spec.name)?.state?.terminated;
    const next = to.find(({ name }) => name === spec.name);
    return (
      ended !== undefined &&
      next !== undefined &&
      next.state?.terminated === undefined &&
      !restartsAfter(pod, spec, ended.exitCode)
    );
  })?.name;
}
