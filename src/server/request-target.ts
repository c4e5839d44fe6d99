/** What a request's URL means. Pure. The path is taken as it is: no dot segments are resolved, so that what is authorized is what is routed. */
import type { StreamKind, Target } from './backend.ts';

export function pathOf(url: string): string {
  return /^[^?#]*/.exec(url)?.[0] ?? '';
}

export function queryOf(url: string): URLSearchParams {
  const at = url.indexOf('?');
  return new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
}

/** A path under /exec, /attach or /portForward (uid segment optional); undefined if it has none of their forms. */
export function streamTarget(path: string): { kind: StreamKind; target: Target } | undefined {
  const segments = path.replace(/\/$/, '').split('/').slice(1).map(decoded);
  const [kind, namespace, pod, third, fourth, ...more] = segments;
  if (!namespace || !pod || segments.includes('') || segments.includes(undefined) || more.length > 0)
    return undefined;
  if (kind === 'portForward')
    return fourth === undefined
      ? { kind, target: { namespace, pod, uid: third, container: undefined } }
      : undefined;
  if ((kind !== 'exec' && kind !== 'attach') || third === undefined) return undefined;
  return {
    kind,
    target:
      fourth === undefined
        ? { namespace, pod, uid: undefined, container: third }
        : { namespace, pod, uid: third, container: fourth },
  };
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** Go's value of a query key: the first one, empty if absent. */
export function firstValue(query: URLSearchParams, key: string): string {
  return query.get(key) ?? '';
}
