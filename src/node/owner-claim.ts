/**
 * The owner of a node, from the annotations of its heartbeat lease (docs/adr/0015). Clocks of two machines
 * are never compared: a claim is alive for as long as the lease is observed to change (client-go:
 * tools/leaderelection). Pure.
 */
import type { Lease } from '../model/kube.ts';
import { rfc3339Micro } from '../util/clock.ts';

/**
 * On the lease kube-node-lease/<node>. The holder of its spec stays the node's name, as a kubelet writes it.
 */
export const ownerKeys = {
  /** name of the farlet that runs the node; empty once it has let go */
  owner: 'farlet.dev/owner',
  /** where its process is, for others on the same machine or in the same pod */
  process: 'farlet.dev/owner-process',
  /** when it last said so, by its own clock: only that it changes counts */
  renewed: 'farlet.dev/owner-renewed',
} as const;

export interface Owner {
  /** of this start of farlet alone */
  readonly name: string;
  /** see own-process.ts */
  readonly process: string;
}

/** What is known of the lease while somebody else may hold it. */
export interface Watched {
  /** differs whenever the holder has renewed */
  readonly mark: string;
  /** when the mark was first seen, ms by the own monotonic clock */
  readonly since: number;
}

export type Verdict =
  /** may be taken; `why` is for the log */
  | { readonly kind: 'take'; readonly why: string }
  /** is another's, or may be: to be looked at again, at the latest after `ms` */
  | { readonly kind: 'wait'; readonly for: string; readonly ms: number; readonly watched: Watched };

export interface Judged {
  /** undefined: there is none */
  readonly lease: Lease | undefined;
  readonly watched: Watched | undefined;
  /** ms, monotonic */
  readonly now: number;
  /** how long a claim lasts whose lease does not say */
  readonly durationMs: number;
  /** whether a process is known to have ended; what can't be known is false */
  readonly isOver: (process: string) => boolean;
}

export function judge({ lease, watched, now, durationMs, isOver }: Judged): Verdict {
  const { owner, process } = ownerOf(lease);
  if (lease === undefined && watched === undefined) return { kind: 'take', why: 'it has not been run yet' };
  if (owner === '') return { kind: 'take', why: 'the one before has let go of it' };
  if (owner !== undefined && process !== undefined && isOver(process))
    return { kind: 'take', why: `${owner} has ended` };
  const mark = markOf(lease);
  // a lease that has vanished tells nothing of who held it: their time goes on
  const seen =
    watched !== undefined && (lease === undefined || watched.mark === mark) ? watched : { mark, since: now };
  const seconds = lease?.spec?.leaseDurationSeconds;
  const lasts = typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : durationMs;
  const left = seen.since + lasts - now;
  const who = owner ?? 'a kubelet, or a farlet that names no owner';
  if (left <= 0)
    return { kind: 'take', why: `${who} has not renewed its lease for ${String(lasts / 1000)} s` };
  return { kind: 'wait', for: who, ms: left, watched: seen };
}

/** Whose the lease is; owner undefined: it does not say. */
export function ownerOf(lease: Lease | undefined): {
  readonly owner: string | undefined;
  readonly process: string | undefined;
} {
  const annotations = new Map(Object.entries(lease?.metadata?.annotations ?? {}));
  return { owner: annotations.get(ownerKeys.owner), process: annotations.get(ownerKeys.process) };
}

function markOf(lease: Lease | undefined): string {
  const renewed = lease?.metadata?.annotations?.[ownerKeys.renewed];
  return JSON.stringify([ownerOf(lease).owner, renewed, lease?.spec?.renewTime]);
}

export interface ClaimParts {
  readonly node: string;
  readonly me: Owner;
  readonly durationSeconds: number;
  /** ms since the epoch */
  readonly now: number;
  /** the Node, if it is registered: the lease goes with it */
  readonly nodeUid: string | undefined;
  /** whether it is the Node's heartbeat too: a Node that nobody sees to must not seem to be alive */
  readonly beats: boolean;
}

/** The lease as it is written to take or to keep the node; what others wrote to it stays. */
export function claimed(held: Lease | undefined, parts: ClaimParts): Lease {
  const { node, me, durationSeconds, now, nodeUid, beats } = parts;
  const { ownerReferences: _dead, ...metadata } = held?.metadata ?? {};
  const time = rfc3339Micro(now);
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      ...metadata,
      name: node,
      namespace: 'kube-node-lease',
      annotations: {
        ...metadata.annotations,
        [ownerKeys.owner]: me.name,
        [ownerKeys.process]: me.process,
        [ownerKeys.renewed]: time,
      },
      ...(nodeUid === undefined ? {} : { ownerReferences: [ownedBy(node, nodeUid)] }),
    },
    spec: {
      ...held?.spec,
      holderIdentity: node,
      leaseDurationSeconds: durationSeconds,
      ...(beats ? { renewTime: time } : {}),
    },
  };
}

/**
 * The lease of one who stops in order: the next may begin at once.
 * @param former the Node that it was the heartbeat of, if that is gone: the lease goes after it, by garbage
 * collection, for nobody deletes it otherwise
 */
export function letGo(held: Lease, former?: { readonly node: string; readonly uid: string }): Lease {
  return {
    ...held,
    metadata: {
      ...held.metadata,
      annotations: { ...held.metadata?.annotations, [ownerKeys.owner]: '', [ownerKeys.process]: '' },
      ...(former === undefined ? {} : { ownerReferences: [ownedBy(former.node, former.uid)] }),
    },
  };
}

function ownedBy(
  node: string,
  uid: string,
): {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
} {
  return { apiVersion: 'v1', kind: 'Node', name: node, uid };
}
