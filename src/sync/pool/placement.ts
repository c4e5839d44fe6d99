/**
 * Which host of a pool a pod goes to. The scheduler has chosen the node and sees the sum of its hosts;
 * whether one host alone can take the pod is decided here, by the same admission that a node of one host has.
 * Pure.
 */
import { specContainers } from '../../model/containers.ts';
import { heldRequest } from '../../model/held-request.ts';
import type { Pod } from '../../model/kube.ts';
import { podRequest } from '../../model/pod-requests.ts';
import { quantityMilli, quantityValue } from '../../model/quantity-text.ts';
import { refused, type Refusal } from '../../resources/admission/refusal.ts';

/** A host of the pool as it stands to one pod. */
export interface HostCandidate {
  readonly name: string;
  /** why its runtime can't be asked now; undefined: it can */
  readonly silent: string | undefined;
  /** takes no new pods (configuration or annotation) */
  readonly draining: boolean;
  /** whether its runtime has the pod's handler, as far as it tells */
  readonly hasHandler: boolean;
  /** why it does not admit the pod */
  readonly refusal: Refusal | undefined;
  /** it would have to stop others to take this critical pod */
  readonly preempts: boolean;
  /** resource name → quantity */
  readonly allocatable: Readonly<Record<string, string>>;
  /** pods placed there that hold resources */
  readonly pods: readonly Pod[];
  /** names of the images it holds */
  readonly images: ReadonlySet<string>;
}

export type Placement =
  | { readonly kind: 'placed'; readonly host: string }
  /** only hosts that can't be asked now, or are drained, would take it */
  | { readonly kind: 'wait'; readonly why: string }
  /** no host takes it as they are filled now */
  | ({ readonly kind: 'refused' } & Refusal);

export function placePod(pod: Pod, { handler, hosts }: PlacementInput): Placement {
  const misfits = new Map(hosts.map((host) => [host.name, misfit(host, handler)]));
  const fitting = hosts.filter(({ name }) => misfits.get(name) === undefined);
  const [best] = fitting.filter((host) => whyNotNow(host) === undefined).sort(byScore(pod));
  if (best !== undefined) return { kind: 'placed', host: best.name };
  if (fitting.length > 0)
    return {
      kind: 'wait',
      why: fitting.map((host) => `host ${host.name} ${whyNotNow(host) ?? ''}`).join('; '),
    };
  return { kind: 'refused', ...refusalOf(misfits) };
}

export interface PlacementInput {
  /** of the pod's RuntimeClass; "": the default one */
  readonly handler: string;
  readonly hosts: readonly HostCandidate[];
}

/** What will pass: the pod is not to be replaced by another that is no better off. */
function whyNotNow({ silent, draining }: HostCandidate): string | undefined {
  if (draining) return 'is being drained';
  return silent === undefined ? undefined : `does not answer: ${silent}`;
}

function misfit(host: HostCandidate, handler: string): Refusal | undefined {
  if (!host.hasHandler)
    return refused('RuntimeHandlerMissing', `its runtime has no handler ${JSON.stringify(handler)}`);
  return host.refusal;
}

/**
 * Lack of room is the reported reason whenever it is among the reasons, as it may change; the reason of a
 * host that the pod did not select comes last.
 */
function refusalOf(misfits: ReadonlyMap<string, Refusal | undefined>): Refusal {
  const all = [...misfits].flatMap(([host, why]) => (why === undefined ? [] : [{ host, ...why }]));
  const shown =
    all.find(({ reason }) => reason.startsWith('OutOf')) ??
    all.find(({ reason }) => reason !== 'NodeAffinity') ??
    all[0];
  return refused(
    shown?.reason ?? 'NoHost',
    `no single host of the node can take the pod, whatever their sum: ${all.map(({ host, message }) => `${host}: ${message}`).join('; ')}`,
  );
}

/**
 * Prefers hosts without preemption, then apart from the pod's siblings, with its images, emptier, with fewer
 * pods; then by name.
 */
function byScore(pod: Pod): (a: HostCandidate, b: HostCandidate) => number {
  const score = (host: HostCandidate): number[] => [
    host.preempts ? 1 : 0,
    siblings(pod, host),
    missingImages(pod, host),
    fullness(pod, host),
    host.pods.length,
  ];
  return (a, b) => {
    const other = score(b);
    const differs = score(a)
      .map((value, index) => value - (other[index] ?? 0))
      .find((difference) => difference !== 0);
    return differs ?? (a.name < b.name ? -1 : 1);
  };
}

function siblings(pod: Pod, { pods }: HostCandidate): number {
  const owner = ownerOf(pod);
  return owner === undefined ? 0 : pods.filter((other) => ownerOf(other) === owner).length;
}

function ownerOf({ metadata }: Pod): string | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;
}

function missingImages({ spec }: Pod, { images }: HostCandidate): number {
  return specContainers(spec).filter(({ image }) => !images.has(image ?? '')).length;
}

/** The fuller of cpu and memory once the pod is there: 0 empty, 1 full. */
function fullness(pod: Pod, { pods, allocatable }: HostCandidate): number {
  const held = [...pods.map(heldRequest), podRequest(pod)];
  const share = (resource: string, capacity: bigint): number =>
    capacity === 0n
      ? 0
      : Number(held.reduce((sum, request) => sum + (request.get(resource) ?? 0n), 0n)) / Number(capacity);
  return Math.max(
    share('cpu', quantityMilli(allocatable.cpu)),
    share('memory', quantityValue(allocatable.memory)),
  );
}
