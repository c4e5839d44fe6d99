/** The node's heartbeat (component-helpers/apimachinery/lease/controller.go). */
import { isNotFound, kindOf } from '../model/errors.ts';
import type { Lease } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import type { KubeClient } from '../kube/client.ts';
import { paths } from '../kube/paths.ts';
import { jittered } from '../util/backoff.ts';
import { rfc3339Micro, type Clock } from '../util/clock.ts';

export interface LeaseOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly node: string;
  readonly durationSeconds: number;
  /** undefined until the Node is there: a lease without owner would outlive it */
  readonly nodeUid: () => string | undefined;
}

const JITTER = 0.04;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 7_000;

/** Renews every quarter of the duration until the signal aborts. Nothing is deleted at the end. */
export async function keepLease(options: LeaseOptions, { signal }: { signal: AbortSignal }): Promise<void> {
  const { clock, log, durationSeconds } = options;
  let latest: Lease | undefined;
  let failures = 0;
  while (!signal.aborted) {
    try {
      latest = await renew(options, latest, signal);
      failures = 0;
    } catch (error) {
      signal.throwIfAborted();
      if (failures === 0) log.warn({ err: error }, 'node lease could not be renewed: trying again');
      failures += 1;
      latest = undefined;
    }
    const wait =
      failures === 0 ? (durationSeconds * 1000) / 4 : Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** failures);
    await clock.sleep(jittered(wait, JITTER), { signal });
  }
}

async function renew(
  options: LeaseOptions,
  latest: Lease | undefined,
  signal: AbortSignal,
): Promise<Lease | undefined> {
  const { client, clock, node, durationSeconds, nodeUid } = options;
  const uid = nodeUid();
  if (uid === undefined) return undefined;
  const wanted = (held: Lease | undefined): Lease => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      ...held?.metadata,
      name: node,
      namespace: 'kube-node-lease',
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node, uid }],
    },
    spec: {
      ...held?.spec,
      holderIdentity: node,
      leaseDurationSeconds: durationSeconds,
      renewTime: rfc3339Micro(clock.now()),
    },
  });
  if (latest !== undefined) {
    try {
      return await client.replace<Lease>(paths.lease(node), wanted(latest), { signal });
    } catch (error) {
      if (kindOf(error) !== 'conflict' && !isNotFound(error)) throw error;
    }
  }
  try {
    const held = await client.get<Lease>(paths.lease(node), { signal });
    return await client.replace<Lease>(paths.lease(node), wanted(held), { signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return client.create<Lease>(paths.leases, wanted(undefined), { signal });
  }
}
