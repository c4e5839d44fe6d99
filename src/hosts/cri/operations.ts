import type { CallOptions } from './calls.ts';

const MINUTE_MS = 60_000;
/** The kubelet's runtimeRequestTimeout. */
const DEFAULT_MS = 2 * MINUTE_MS;

/**
 * How long a call may take (kubelet: cri-client/pkg/remote_runtime.go): 2 minutes, 4 for RunPodSandbox, the
 * grace and 2 minutes for StopContainer, the command's own time and 2 minutes for ExecSync (none without
 * one), none for pulls.
 */
export function timeoutMs(method: string, request: object, options: CallOptions): number | undefined {
  if (options.timeoutMs !== undefined) return options.timeoutMs;
  const seconds = 'timeout' in request && typeof request.timeout === 'number' ? request.timeout : 0;
  switch (method) {
    case 'RunPodSandbox':
      return 2 * DEFAULT_MS;
    case 'StopContainer':
      return DEFAULT_MS + seconds * 1000;
    case 'ExecSync':
      return seconds === 0 ? undefined : DEFAULT_MS + seconds * 1000;
    case 'PullImage':
      return undefined;
    default:
      return DEFAULT_MS;
  }
}

/**
 * As many seconds as a Go duration holds (292 years), less what callers and runtimes add: more would turn
 * negative there.
 */
const MAX_SECONDS = 9_000_000_000;

/**
 * The request with a `timeout` (StopContainer, ExecSync) that a runtime can count with; it may be any int64
 * in the API. Pure.
 */
export function boundedTimeout<Request extends object>(request: Request): Request {
  if (!('timeout' in request) || typeof request.timeout !== 'number') return request;
  return request.timeout > MAX_SECONDS ? { ...request, timeout: MAX_SECONDS } : request;
}

/**
 * The kubelet's operation_type label (kuberuntime/instrumented_services.go): RunPodSandbox → run_podsandbox.
 */
export function operationType(method: string): string {
  if (method === 'UpdateContainerResources') return 'update_container';
  return method
    .replace('PodSandbox', '_podsandbox_')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/__/g, '_')
    .replace(/^_|_$/g, '');
}
