/**
 * The required form of a call's answer, derived from its method and path alone, so that no caller can forget
 * to check it. Pure.
 */
import { percentDecoded } from '../model/percent-decode.ts';

/** The part of an object that proves it to be what was asked for. */
export interface ObjectForm {
  readonly apiVersion: string;
  /** undefined: a resource that farlet has no name for; any kind will do */
  readonly kind: string | undefined;
  readonly name?: string;
  readonly namespace?: string;
  /** reviews and the like are not stored, so that they have neither name nor UID */
  readonly isStored: boolean;
}

export type AnswerForm =
  | ({ readonly is: 'object' } & ObjectForm)
  | ({ readonly is: 'list' } & ObjectForm)
  /** an object that is going, or `Success` */
  | ({ readonly is: 'deleted' } & ObjectForm)
  | { readonly is: 'success' }
  /** not a resource, as /version */
  | { readonly is: 'json' };

interface Resource {
  readonly kind: string;
  readonly apiVersion: string;
  readonly isStored: boolean;
}

const stored = (kind: string, apiVersion = 'v1'): Resource => ({ kind, apiVersion, isStored: true });
const passing = (kind: string, apiVersion: string): Resource => ({ kind, apiVersion, isStored: false });

const resources = new Map<string, Resource>([
  ['certificatesigningrequests', stored('CertificateSigningRequest', 'certificates.k8s.io/v1')],
  ['configmaps', stored('ConfigMap')],
  ['events', stored('Event')],
  ['leases', stored('Lease', 'coordination.k8s.io/v1')],
  ['namespaces', stored('Namespace')],
  ['nodes', stored('Node')],
  ['persistentvolumeclaims', stored('PersistentVolumeClaim')],
  ['persistentvolumes', stored('PersistentVolume')],
  ['pods', stored('Pod')],
  ['runtimeclasses', stored('RuntimeClass', 'node.k8s.io/v1')],
  ['secrets', stored('Secret')],
  ['services', stored('Service')],
  ['serviceaccounts', stored('ServiceAccount')],
  ['serviceaccounts/token', passing('TokenRequest', 'authentication.k8s.io/v1')],
  ['tokenreviews', passing('TokenReview', 'authentication.k8s.io/v1')],
  ['subjectaccessreviews', passing('SubjectAccessReview', 'authorization.k8s.io/v1')],
  ['selfsubjectreviews', passing('SelfSubjectReview', 'authentication.k8s.io/v1')],
  ['selfsubjectaccessreviews', passing('SelfSubjectAccessReview', 'authorization.k8s.io/v1')],
]);
/** Subresources that are answered with a Status: what was asked for has been done. */
const acts = new Set(['eviction', 'binding']);

export function answerForm(method: string, path: string): AnswerForm {
  const place = resourcePlace(path);
  if (place === undefined) return { is: 'json' };
  const { groupVersion, resource, subresource, namespace, name } = place;
  if (subresource !== undefined && acts.has(subresource)) return { is: 'success' };
  const known =
    (subresource === undefined ? undefined : resources.get(`${resource}/${subresource}`)) ??
    resources.get(resource);
  const isOurs = known?.apiVersion === groupVersion || known?.isStored === false;
  const form: ObjectForm = {
    apiVersion: isOurs ? known.apiVersion : groupVersion,
    kind: isOurs ? known.kind : undefined,
    isStored: isOurs ? known.isStored : true,
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
  };
  if (method === 'DELETE') return { is: 'deleted', ...form };
  return { is: name === undefined && method === 'GET' ? 'list' : 'object', ...form };
}

interface Place {
  readonly groupVersion: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** `/api/v1/…` or `/apis/GROUP/VERSION/…`, then `[namespaces/NAMESPACE/]RESOURCE[/NAME[/SUBRESOURCE]]`. */
function resourcePlace(path: string): Place | undefined {
  const [, root, ...rest] = path.split('/').map((part) => percentDecoded(part) ?? part);
  if (root !== 'api' && root !== 'apis') return undefined;
  const groupVersion = rest.splice(0, root === 'api' ? 1 : 2).join('/');
  const isWithin = rest[0] === 'namespaces' && rest.length > 2;
  const [, namespace] = isWithin ? rest.splice(0, 2) : [];
  const [resource, name, subresource] = rest;
  if (resource === undefined) return undefined;
  return {
    groupVersion,
    resource,
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  };
}
