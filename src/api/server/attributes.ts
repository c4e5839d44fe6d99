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

/** By what verb callers ask for what goes on inside of pods: `method` is a kubelet's way. */
export type EnterVerb = 'create' | 'method';

/**
 * `create`: who enters a pod changes it, also by the GET that a WebSocket begins with. A kubelet would take
 * `get` for enough there, and with it every account that may only look.
 */
export function requestAttributes(method: string, path: string, enterVerb: EnterVerb): RequestAttributes {
  const enters = ['/exec', '/attach', '/portForward', '/run'].some((root) => isWithin(path, root));
  const verb = enters && enterVerb === 'create' ? 'create' : (own(verbs, method) ?? '');
  return { verb, subresources: subresources(path) };
}

function isWithin(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}

function subresources(path: string): string[] {
  const is = (root: string): boolean => isWithin(path, root);
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
