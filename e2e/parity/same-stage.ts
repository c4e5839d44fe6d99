import { isDeepStrictEqual } from 'node:util';
import type { Step } from './recording.ts';

/**
 * Whether two statuses are of the same stage of a pod's life: phase, whether each condition holds, how often
 * each container was restarted. Words and reasons may differ. Pure.
 */
export function isSameStage(a: Step, b: Step): boolean {
  return isDeepStrictEqual(stage(a), stage(b));
}

function stage(of: Step): unknown {
  const containers = [
    ...(of.initContainerStatuses ?? []),
    ...(of.containerStatuses ?? []),
    ...(of.ephemeralContainerStatuses ?? []),
  ];
  return [
    of.phase,
    of.conditions.map((text) => text.split(' ')[0]?.replace(/:$/, '')),
    containers.map((text) => `${text.split(':')[0] ?? ''} ${/ restarts=\d+ id=\w+/.exec(text)?.[0] ?? ''}`),
  ];
}
