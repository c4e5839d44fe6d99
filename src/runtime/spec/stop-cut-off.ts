import { FarletError, kindOf, messageOf } from '../../model/errors.ts';
import type { SyncStep } from './steps.ts';

/** Nobody heard how a container's stop ended, and it has some of its grace left. */
export class StopCutOff extends FarletError {
  constructor(cause: unknown) {
    super(kindOf(cause), messageOf(cause), { cause });
  }
}

/**
 * Whether sandboxes may be stopped after containers: it kills what still runs in them at once. A kubelet does
 * so whatever came of the containers (killPodWithSyncResult in kuberuntime_manager.go), since its runtime is
 * beside it. Here the way there may have been cut, and what still has grace keeps it.
 */
export function maySandboxesStop(containers: readonly SyncStep[]): boolean {
  return !containers.some(({ error }) => error?.cause instanceof StopCutOff);
}
