import { messageOf } from '../../model/errors.ts';
import { ContainerStartError } from '../../model/reasons.ts';

/** One thing a sync did or tried, in order (kubelet: pkg/kubelet/container/sync_result.go). */
export interface SyncStep {
  readonly action:
    | 'kill-container'
    | 'kill-sandbox'
    | 'remove-container'
    | 'create-sandbox'
    | 'start-container'
    | 'resize-pod';
  /** container name, or the pod for sandboxes */
  readonly target: string;
  /** of the sandbox or container that was started */
  readonly id?: string;
  readonly error?: StepError;
}

export interface StepError {
  /** the kubelet's error name: ErrImagePull, CrashLoopBackOff, KillContainerError, CreatePodSandboxError … */
  readonly code: string;
  readonly message: string;
  /** ms since the epoch when the next try is already known */
  readonly retryAt?: number;
  readonly cause: unknown;
}

/** The step with its outcome; an error that names no reason of its own gets `code`. */
export function failedStep(step: Omit<SyncStep, 'error'>, code: string, cause: unknown): SyncStep {
  if (!(cause instanceof ContainerStartError))
    return { ...step, error: { code, message: messageOf(cause), cause } };
  const { reason, message } = cause;
  return {
    ...step,
    error: { code: reason, message, cause },
  };
}

/**
 * The ids of what was started, where nothing else was done and all of it succeeded; undefined otherwise: what
 * came of the rest only a look at the pod tells.
 */
export function startedIds(steps: readonly SyncStep[]): string[] | undefined {
  const ids = steps.flatMap(({ id, error }) => (id === undefined || error !== undefined ? [] : [id]));
  return ids.length > 0 && ids.length === steps.length ? ids : undefined;
}

export function firstFailure(steps: readonly SyncStep[]): StepError | undefined {
  return steps.find(({ error }) => error !== undefined)?.error;
}
