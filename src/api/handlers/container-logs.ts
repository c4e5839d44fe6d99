/**
 * /containerLogs: which container is meant, and its log (pkg/kubelet/server getContainerLogs, kubelet_pods.go
 * GetKubeletContainerLogs).
 */
import { findContainer, findContainerStatus } from '../../model/containers.ts';
import { goQuote } from '../../model/go-quote.ts';
import { moved } from '../../model/go-time.ts';
import type { ContainerStatus, Pod } from '../../model/kube.ts';
import type { ObservedContainer } from '../../model/runtime-state.ts';
import { logTarget } from '../../runtime/logs/log-target.ts';
import { readContainerLog } from '../../runtime/logs/read-container-log.ts';
import type { Target } from '../http/stream-request.ts';
import { HttpFault } from '../http/http-fault.ts';
import { parseLogQuery } from '../server/log-query.ts';
import type { PodHost } from './pod-host.ts';

export function containerLogs(
  pods: PodHost,
  target: Target,
  { query, signal, now }: { query: URLSearchParams; signal: AbortSignal; now: number },
): AsyncIterable<Buffer> {
  const parsed = parseLogQuery(query, now);
  if (!parsed.ok) throw new HttpFault(parsed.code, parsed.body);
  const name = target.container ?? '';
  const pod = pods.table.find(target.namespace, target.pod);
  if (pod === undefined) throw new HttpFault(404, `pod ${goQuote(target.pod)} does not exist`);
  if (findContainer(pod, name) === undefined)
    throw new HttpFault(404, `container ${goQuote(name)} not found in pod ${goQuote(target.pod)}`);
  const { uid } = pod.metadata;
  const { stream } = parsed.query;
  if (stream !== undefined && stream !== 'All')
    throw new HttpFault(
      400,
      `unable to return the given log stream: ${JSON.stringify(stream)}. Please enable PodLogsQuerySplitStreams feature gate in kubelet`,
    );
  const found = logTarget(target.pod, name, {
    status: containerStatus(pods, pod, name),
    previous: parsed.query.previous,
  });
  if ('refusal' in found) throw new HttpFault(400, found.refusal);
  const { containerID } = found;
  const containerId = /^[^:]*:\/\/([^:]*)$/.exec(containerID)?.[1] ?? '';
  const seen = (): ObservedContainer | undefined =>
    pods.cache.get(uid)?.containers.find(({ id }) => id === containerId);
  const container = seen();
  if (container === undefined)
    return oneText(`unable to retrieve container logs for ${containerID || '://'}`);
  const { since } = parsed.query;
  return readContainerLog(
    {
      files: pods.host.link.files,
      path: container.logPath,
      // lines are dated by the host
      options: { ...parsed.query, since: since && moved(since, pods.host.hostTime(0)) },
      isRunning: () => seen()?.state === 'running',
    },
    { signal },
  );
}

// eslint-disable-next-line @typescript-eslint/require-await -- an async iterable of one piece
async function* oneText(text: string): AsyncIterable<Buffer> {
  yield Buffer.from(text);
}

function containerStatus(pods: PodHost, pod: Pod, name: string): ContainerStatus | undefined {
  return findContainerStatus(pods.status.current(pod.metadata.uid) ?? pod.status, name);
}
