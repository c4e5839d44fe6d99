/**
 * What a request's target means, as Go reads it (net/url ParseRequestURI, ParseQuery). The path is decoded
 * once, here: what is authorized is what is routed. No dot segments or double slashes are resolved. Pure.
 */
import { textOfBytes } from '../../model/go-string.ts';
import type { StreamKind, Target } from './stream-request.ts';

export interface RequestTarget {
  /** decoded; begins with a slash */
  readonly path: string;
  /** as it came, without its question mark */
  readonly query: string;
}

/** Go's limit (net/url urlmaxqueryparams). */
const MAX_PARAMETERS = 10_000;

/**
 * Undefined for what is no target: Go's server answers 400 before anything else. Origin form and absolute
 * form are the same.
 */
export function requestTarget(url: string): RequestTarget | undefined {
  const at = url.indexOf('?');
  const raw = pathPart(at < 0 ? url : url.slice(0, at));
  const path = raw === undefined ? undefined : unescaped(raw, { plusIsSpace: false })?.toString();
  return path === undefined ? undefined : { path, query: at < 0 ? '' : url.slice(at + 1) };
}

/** What a router that decodes for itself understands as this target. */
export function routable({ path, query }: RequestTarget): string {
  const encoded = path.split('/').map(encodeURIComponent).join('/');
  return query === '' ? encoded : `${encoded}?${query}`;
}

/** The path of a target, empty if it is none. */
export function pathOf(url: string): string {
  return requestTarget(url)?.path ?? '';
}

function pathPart(text: string): string | undefined {
  if (/[\0-\x1f\x7f]/.test(text)) return undefined;
  const absolute = /^[a-z][a-z0-9+.-]*:(.*)$/i.exec(text)?.[1];
  if (absolute === undefined) return text.startsWith('/') ? text : undefined;
  if (!absolute.startsWith('//')) return absolute.startsWith('/') ? absolute : undefined;
  const slash = absolute.indexOf('/', 2);
  return slash < 0 ? '/' : absolute.slice(slash);
}

/**
 * The bytes that percent-encoded text stands for; undefined where a percent sign is followed by no two
 * digits.
 */
function unescaped(text: string, { plusIsSpace }: { plusIsSpace: boolean }): Buffer | undefined {
  // node tells bytes beyond ASCII as latin1
  const bytes = Buffer.from(plusIsSpace ? text.replaceAll('+', ' ') : text, 'latin1');
  if (!bytes.includes(0x25)) return bytes;
  if (/%(?![0-9a-f]{2})/i.test(text)) return undefined;
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1, length += 1) {
    const isEscape = bytes[at] === 0x25;
    bytes[length] = isEscape
      ? Number.parseInt(bytes.toString('latin1', at + 1, at + 3), 16)
      : (bytes[at] ?? 0);
    if (isEscape) at += 2;
  }
  return bytes.subarray(0, length);
}

/**
 * Names and values in their order; what can't be decoded, or has a semicolon, is left out (as by Go's
 * URL.Query).
 */
function parameters(url: string): { name: string; value: Buffer }[] {
  const at = url.indexOf('?');
  const parts = at < 0 ? [] : url.slice(at + 1).split('&', MAX_PARAMETERS + 1);
  if (parts.length > MAX_PARAMETERS) return [];
  return parts.flatMap((part) => {
    if (part === '' || part.includes(';')) return [];
    const equals = part.indexOf('=');
    const name = unescaped(equals < 0 ? part : part.slice(0, equals), { plusIsSpace: true });
    const value = unescaped(equals < 0 ? '' : part.slice(equals + 1), { plusIsSpace: true });
    return name === undefined || value === undefined ? [] : [{ name: name.toString(), value }];
  });
}

/** For what is text, or is no use otherwise. */
export function queryOf(url: string): URLSearchParams {
  const query = new URLSearchParams();
  for (const { name, value } of parameters(url)) query.append(name, value.toString());
  return query;
}

/** All values of a name, for what need not be text: bytes that are none are kept (model/go-string.ts). */
export function queryTexts(url: string, name: string): string[] {
  return parameters(url).flatMap((each) => (each.name === name ? [textOfBytes(each.value)] : []));
}

/**
 * A decoded path under /exec, /attach or /portForward (uid segment optional); undefined if it has none of
 * their forms.
 */
export function streamTarget(path: string): { kind: StreamKind; target: Target } | undefined {
  const segments = path.replace(/\/$/, '').split('/').slice(1);
  const [kind, namespace, pod, third, fourth, ...more] = segments;
  if (!namespace || !pod || segments.includes('') || more.length > 0) return undefined;
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

/** Go's value of a query key: the first one, empty if absent. */
export function firstValue(query: URLSearchParams, key: string): string {
  return query.get(key) ?? '';
}
