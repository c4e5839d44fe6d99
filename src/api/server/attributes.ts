/** What a request to the kubelet API asks leave for (pkg/kubelet/server/auth.go). Pure. */
import { own } from '../../model/own.ts';

const verbs: Record<string, string> = {
  POST: 'create',
  GET: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

export interface RequestAttributes {
  readonly verb: string;
  /** allowed if any of them is */
  readonly subresources: readonly string[];
}

export function requestAttributes(method: string, path: string): RequestAttributes {
  return { verb: own(verbs, method) ?? '', subresources: subresources(path) };
}

function subresources(path: string): string[] {
  const is = (root: string): boolean => path === root || path.startsWith(`${root}/`);
  if (is('/stats')) return ['stats'];
  if (is('/metrics')) return ['metrics'];
  if (is('/logs')) return ['log'];
  if (is('/checkpoint')) return ['checkpoint'];
  if (is('/statusz')) return ['statusz'];
  if (is('/flagz')) return ['configz'];
  if (is('/configz')) return ['configz', 'proxy'];
  if (is('/pods') || is('/runningpods')) return ['pods', 'proxy'];
  if (is('/healthz')) return ['healthz', 'proxy'];
  return ['proxy'];
}
