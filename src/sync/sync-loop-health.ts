/** max(2 × resync, 5 min) of the kubelet's syncloop check (pkg/kubelet/kubelet.go SyncLoopHealthCheck). */
const SILENT_MS = 300_000;

/** Why the loop is unhealthy; undefined: it is well, or has not begun yet. Times are monotonic ms. */
export function syncLoopProblem(
  { lastEntered }: { readonly lastEntered: number | undefined },
  now: number,
): string | undefined {
  return lastEntered !== undefined && now - lastEntered > SILENT_MS
    ? 'sync Loop took longer than expected'
    : undefined;
}

/** Why the loops of a node's hosts are unhealthy: the first problem that one of them has. */
export function syncLoopsProblem(
  hosts: readonly { readonly loop: { readonly lastEntered: number | undefined } }[],
  now: number,
): string | undefined {
  return hosts.map(({ loop }) => syncLoopProblem(loop, now)).find((problem) => problem !== undefined);
}
