import type { EventRecorder } from '../../model/events.ts';
import type { Pod, Secret } from '../../model/kube.ts';
import { podReference } from '../../model/pod-ref.ts';

/**
 * The pod's imagePullSecrets, in order. One that can't be read is left out and told in an event: the pull is
 * tried all the same (getPullSecretsForPod in pkg/kubelet/kubelet_pods.go).
 */
export async function readPullSecrets(
  pod: Pod,
  from: {
    readonly secret: (namespace: string, name: string, options: { signal: AbortSignal }) => Promise<Secret>;
    readonly events: EventRecorder;
  },
  { signal }: { signal: AbortSignal },
): Promise<Secret[]> {
  const names = (pod.spec.imagePullSecrets ?? []).map(({ name }) => name ?? '').filter((name) => name !== '');
  const outcomes = await Promise.allSettled(
    names.map((name) => from.secret(pod.metadata.namespace, name, { signal })),
  );
  signal.throwIfAborted();
  const failed = names.filter((_, index) => outcomes[index]?.status === 'rejected');
  if (failed.length > 0)
    from.events.event(
      podReference(pod),
      'FailedToRetrieveImagePullSecret',
      `Unable to retrieve some image pull secrets (${failed.join(', ')}); attempting to pull the image may not succeed.`,
    );
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
}
