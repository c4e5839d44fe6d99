/**
 * /checkpoint: the container's state as an archive on its host (pkg/kubelet/server checkpoint, kubelet.go
 * CheckpointContainer).
 */
import { findContainer } from '../../model/containers.ts';
import { messageOf } from '../../model/errors.ts';
import type { Target } from '../http/stream-request.ts';
import { HttpFault } from '../http/http-fault.ts';
import { rfc3339 } from '../../util/clock.ts';
import { findPod, findRunning } from './find.ts';
import type { PodHost } from './pod-host.ts';

/** Resolves with the archive's path on the host, below rootDir. */
export async function checkpointContainer(
  pods: PodHost,
  target: Target,
  options: { query: URLSearchParams; rootDir: string; now: number; signal: AbortSignal },
): Promise<string> {
  const { query, rootDir, now, signal } = options;
  const pod = findPod(pods, target);
  const { namespace, pod: name, container: containerName = '' } = target;
  if (findContainer(pod, containerName) === undefined)
    throw new HttpFault(404, `container ${containerName} does not exist`);
  const timeout = query.getAll('timeout').at(-1) ?? '0';
  if (!/^[+-]?\d+$/.test(timeout)) throw new HttpFault(404, 'cannot parse value of timeout parameter');
  const folder = `${rootDir}/checkpoints`;
  const location = `${folder}/checkpoint-${name}_${namespace}-${containerName}-${rfc3339(now)}.tar`;
  try {
    const container = findRunning(pods, pod, target);
    if (container === undefined) throw new Error(`container ${containerName} not found`);
    await pods.host.link.files.apply([{ op: 'mkdir', path: folder, mode: 0o700 }], { signal });
    await pods.host.cri.checkpointContainer({ container_id: container.id, location, timeout }, { signal });
  } catch (error) {
    throw new HttpFault(
      500,
      `checkpointing of ${namespace}/${name}/${containerName} failed (${messageOf(error)})`,
    );
  }
  return location;
}
