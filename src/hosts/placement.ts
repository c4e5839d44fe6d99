/**
 * Which host of a pool a pod goes to. The scheduler has chosen the node and sees only the sum of its hosts; what
 * it can't see is decided here: whether one host alone has the room, the handler, the ports, the labels. Pure.
 */
import { hostPorts } from '../model/host-ports.ts';
import type { Pod } from '../model/kube.ts';
import { podRequest } from '../model/pod-requests.ts';
import { quantityMilli, quantityValue } from '../model/quantity.ts';

/** A host of the pool as placement sees it. */
export interface HostCandidate {
  readonly name: string;
  /** whether its runtime can be asked now */
  readonly ready: boolean;
  /** takes no new pods (configuration or annotation); those it has stay */
  readonly draining: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** runtime handlers; "" is the default one */
  readonly handlers: readonly string[];
  /** resource name → quantity */
  readonly allocatable: Readonly<Record<string, string>>;
  /** pods placed there that hold resources */
  readonly pods: readonly Pod[];
  /** references of the images it holds */
  readonly images: ReadonlySet<string>;
}

export interface PlacementInput {
  readonly pod: Pod;
  /** handler of the pod's RuntimeClass; "" without one */
  readonly runtimeHandler: string;
  readonly hosts: readonly HostCandidate[];
}

export type Placement =
  | { readonly kind: 'placed'; readonly host: string }
  /** a host that can't be asked now may take it later */
  | { readonly kind: 'wait'; readonly why: string }
  /** no host can take it as they are filled now: reason and message of the rejected pod */
  | { readonly kind: 'refused'; readonly reason: string; readonly message: string };

/** The label by which a pod's nodeSelector names a host, and the annotation that says where it was placed. */
export const HOST_KEY = 'farlet.dev/host';

/** Keys of nodeSelector that speak of hosts and not of the node. */
export function isHostKey(key: string): boolean {
  return key.startsWith('farlet.dev/');
}

interface Misfit {
  readonly host: string;
  readonly reason: string;
  readonly why: string;
}

export function placePod(input: PlacementInput): Placement {
  const { pod, hosts } = input;
  const open = hosts.filter(({ draining }) => !draining);
  const misfits = open.map((host) => misfit(input, host));
  const fitting = open.filter((_, index) => misfits[index] === undefined);
  const ready = fitting.filter((host) => host.ready);
  const best = ready.reduce<Scored | undefined>(
    (top, host) => better(top, { host, score: score(pod, host) }),
    undefined,
  );
  if (best !== undefined) return { kind: 'placed', host: best.host.name };
  if (fitting.length > 0)
    return { kind: 'wait', why: `waiting for ${names(fitting)}: its runtime does not answer` };
  return refusal(
    hosts.filter(({ draining }) => draining),
    misfits.filter((each) => each !== undefined),
  );
}

function names(hosts: readonly HostCandidate[]): string {
  return hosts.map(({ name }) => name).join(' or ');
}

/** The kubelet's OutOf… where some host lacks only room; what a host can't be at all comes after that. */
function refusal(draining: readonly HostCandidate[], misfits: readonly Misfit[]): Placement {
  const first = misfits.find(({ reason }) => reason.startsWith('OutOf')) ?? misfits[0];
  const told = [
    ...misfits.map(({ host, why }) => `${host}: ${why}`),
    ...draining.map(({ name }) => `${name}: is being drained`),
  ];
  return {
    kind: 'refused',
    reason: first?.reason ?? 'HostsDraining',
    message: `no single host of the node can take the pod, though their sum may: ${told.join('; ')}`,
  };
}

function misfit({ pod, runtimeHandler }: PlacementInput, host: HostCandidate): Misfit | undefined {
  const say = (reason: string, why: string): Misfit => ({ host: host.name, reason, why });
  const selector = Object.entries(pod.spec.nodeSelector ?? {}).filter(([key]) => isHostKey(key));
  for (const [key, value] of selector) {
    const own = key === HOST_KEY ? host.name : host.labels[key];
    if (own !== value) return say('NodeAffinity', `${key} is ${own ?? 'not set'}, not ${value}`);
  }
  if (!host.handlers.includes(runtimeHandler))
    return say('PodFeatureUnsupported', `its runtime has no handler ${JSON.stringify(runtimeHandler)}`);
  const taken = new Set(host.pods.flatMap(hostPorts));
  const port = hostPorts(pod).find((each) => taken.has(each));
  if (port !== undefined) return say('NodePorts', `port ${port} is taken`);
  return lacking(pod, host);
}

function lacking(pod: Pod, host: HostCandidate): Misfit | undefined {
  const wanted = { ...podRequest(pod), pods: 1 };
  for (const [resource, requested] of Object.entries(wanted)) {
    const capacity = amount(resource, host.allocatable[resource]);
    if (requested === 0 || capacity === undefined) continue;
    const used = usedOf(host, resource);
    if (used + requested <= capacity) continue;
    const why = `not enough ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`;
    return { host: host.name, reason: `OutOf${resource}`, why };
  }
  return undefined;
}

function amount(resource: string, quantity: string | undefined): number | undefined {
  if (quantity === undefined) return undefined;
  return resource === 'cpu' ? quantityMilli(quantity) : quantityValue(quantity);
}

function usedOf(host: HostCandidate, resource: string): number {
  if (resource === 'pods') return host.pods.length;
  return host.pods.reduce((sum, pod) => sum + (podRequest(pod)[resource] ?? 0), 0);
}

interface Scored {
  readonly host: HostCandidate;
  readonly score: readonly number[];
}

/** Fewer pods of the same owner, then images at hand, then the emptier host, then fewer pods; the name last, so that it is one answer. */
function score(pod: Pod, host: HostCandidate): readonly number[] {
  const owner = ownerOf(pod);
  const siblings = owner === undefined ? 0 : host.pods.filter((each) => ownerOf(each) === owner).length;
  const missing = pod.spec.containers.filter(({ image }) => !host.images.has(image ?? '')).length;
  return [siblings, missing, fullness(pod, host), host.pods.length];
}

function ownerOf({ metadata }: Pod): string | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;
}

/** The fuller of cpu and memory once the pod is there: 0 empty, 1 full. */
function fullness(pod: Pod, host: HostCandidate): number {
  const request = podRequest(pod);
  const shares = ['cpu', 'memory'].map((resource) => {
    const capacity = amount(resource, host.allocatable[resource]) ?? 0;
    return capacity === 0 ? 0 : (usedOf(host, resource) + (request[resource] ?? 0)) / capacity;
  });
  return Math.max(...shares);
}

function better(top: Scored | undefined, next: Scored): Scored {
  if (top === undefined) return next;
  for (const [index, value] of next.score.entries()) {
    const other = top.score[index] ?? 0;
    if (value !== other) return value < other ? next : top;
  }
  return next.host.name < top.host.name ? next : top;
}
