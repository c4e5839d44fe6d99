/** /run: a command's output, both streams together (pkg/kubelet/kubelet_pods.go RunInContainer). */
import type { Target } from '../http/stream-request.ts';
import { HttpFault } from '../http/http-fault.ts';
import { findPod, findRunning, noContainer } from './find.ts';
import type { PodHost } from './pod-host.ts';

export async function runCommand(
  pods: PodHost,
  target: Target,
  { command, signal }: { command: readonly string[]; signal: AbortSignal },
): Promise<Buffer> {
  const container = findRunning(pods, findPod(pods, target), target);
  if (container === undefined) throw noContainer(target);
  const { stdout, stderr, exit_code } = await pods.host.cri.execSync(
    { container_id: container.id, cmd: [...command], timeout: 0 },
    { signal },
  );
  if (exit_code !== 0)
    throw new HttpFault(
      500,
      Buffer.concat([
        Buffer.from(`command '${command.join(' ')}' exited with ${String(exit_code)}: `),
        stderr,
      ]),
    );
  return Buffer.concat([stdout, stderr]);
}
