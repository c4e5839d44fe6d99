/** /run: a command's output, both streams together (pkg/kubelet/kubelet_pods.go RunInContainer). */
import type { HostApp } from '../host-app.ts';
import type { Target } from '../server/backend.ts';
import { HttpFault } from '../server/http-fault.ts';
import { findPod, findRunning, noContainer } from './find.ts';

export async function runCommand(
  app: HostApp,
  target: Target,
  { command, signal }: { command: readonly string[]; signal: AbortSignal },
): Promise<Buffer> {
  const container = findRunning(app, findPod(app, target), target);
  if (container === undefined) throw noContainer(target);
  const { stdout, stderr, exit_code } = await app.host.cri.execSync(
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
