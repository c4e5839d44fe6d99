/** Which credentials of a pod's imagePullSecrets fit an image: pkg/credentialprovider. */
import { own } from '../../model/own.ts';
import { createHash } from 'node:crypto';
import { FarletError } from '../../model/errors.ts';
import type { Secret } from '../../model/kube.ts';
import type { SecretSource } from './pull-verification.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Credentials and the Secret that holds them. */
export interface TrackedCredentials {
  readonly auth: Credentials;
  readonly source: SecretSource;
}

interface Entry extends TrackedCredentials {
  /** host, port and path without scheme and API version */
  readonly key: string;
}

const hubKey = 'index.docker.io';

/**
 * Every entry whose key covers the repository, the most specific first, in the order of the secrets where
 * keys are equal. Secrets of other types are passed over. Throws FarletError `invalid` for one that can't be
 * read; the message holds nothing of its content.
 */
export function credentialsFor(repository: string, secrets: readonly Secret[]): TrackedCredentials[] {
  const entries = secrets.flatMap(entriesOf);
  const keys = [...new Set(entries.map(({ key }) => key))].sort().reverse();
  const under = (key: string): TrackedCredentials[] =>
    entries.filter((entry) => entry.key === key).map(({ auth, source }) => ({ auth, source }));
  const matching = keys.filter((key) => covers(key, repository)).flatMap(under);
  return matching.length === 0 && isOnHub(repository) ? under(hubKey) : matching;
}

function entriesOf(secret: Secret): Entry[] {
  const json = secret.data?.['.dockerconfigjson'];
  const legacy = secret.data?.['.dockercfg'];
  if (secret.type === 'kubernetes.io/dockerconfigjson' && json !== undefined && json !== '')
    return authEntries(record(secret, parsed(secret, json)).auths ?? {}, secret);
  if (secret.type === 'kubernetes.io/dockercfg' && legacy !== undefined && legacy !== '')
    return authEntries(parsed(secret, legacy), secret);
  return [];
}

function authEntries(auths: unknown, secret: Secret): Entry[] {
  return Object.entries(record(secret, auths)).map(([location, value]) => {
    const fields = record(secret, value ?? {});
    const text = (name: string): string => {
      const field = own(fields, name) ?? '';
      if (typeof field !== 'string') throw unreadable(secret, `${name} is not text`);
      return field;
    };
    const encoded = text('auth');
    const plain = { username: text('username'), password: text('password') };
    const auth = encoded === '' ? plain : decodedAuth(encoded, secret);
    return { key: normalized(location), auth, source: sourceOf(secret, auth) };
  });
}

function sourceOf({ metadata }: Secret, auth: Credentials): SecretSource {
  return {
    uid: metadata?.uid ?? '',
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    hash: createHash('sha256')
      .update(JSON.stringify([auth.username, auth.password]))
      .digest('hex'),
  };
}

function parsed(secret: Secret, base64: string): unknown {
  try {
    return JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));
  } catch {
    // the parser's own message would show a piece of the secret
    throw unreadable(secret, 'it is not valid JSON');
  }
}

function record(secret: Secret, value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw unreadable(secret, 'it does not have the form of a Docker configuration');
}

function decodedAuth(auth: string, secret: Secret): Credentials {
  const text = Buffer.from(auth.trim(), 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon === -1)
    throw unreadable(secret, 'unable to parse auth field, must be formatted as base64(username:password)');
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function unreadable(secret: Secret, why: string): FarletError {
  const name = `${secret.metadata?.namespace ?? ''}/${secret.metadata?.name ?? ''}`;
  return new FarletError('invalid', `imagePullSecret ${name} can't be read: ${why}`);
}

function normalized(location: string): string {
  const bare = location.replace(/^https?:\/\//, '').replace(/[?#].*$/s, '');
  const slash = bare.indexOf('/');
  if (slash === -1) return bare;
  const path = bare.slice(slash).replace(/^\/v[12](?=\/)/, '');
  return bare.slice(0, slash) + (path === '/' ? '' : path);
}

/** Host labels may hold wildcards; the port must be the same, the key's path a prefix. */
function covers(key: string, repository: string): boolean {
  const glob = split(key);
  const target = split(repository);
  return (
    glob.port === target.port &&
    glob.labels.length === target.labels.length &&
    target.path.startsWith(glob.path) &&
    glob.labels.every((label, index) => labelMatches(label, target.labels[index] ?? ''))
  );
}

function split(location: string): { labels: string[]; port: string; path: string } {
  const [, authority = '', path = ''] = /^([^/]*)(.*)$/s.exec(location) ?? [];
  const [, host = authority, port = ''] = /^(.*):(\d*)$/s.exec(authority) ?? [];
  return { labels: host.split('.'), port, path };
}

/** Each piece between stars is taken where it first comes: no glob makes this slow. */
function labelMatches(glob: string, label: string): boolean {
  const [first = '', ...rest] = glob.split('*');
  const last = rest.pop();
  if (last === undefined) return glob === label;
  if (!label.startsWith(first) || !label.endsWith(last)) return false;
  let from = first.length;
  for (const piece of rest) {
    const at = label.indexOf(piece, from);
    if (at === -1) return false;
    from = at + piece.length;
  }
  return label.length - last.length >= from;
}

function isOnHub(repository: string): boolean {
  const first = repository.split('/', 1)[0] ?? '';
  if (first === '' || !repository.includes('/')) return first !== '';
  return first === 'docker.io' || first === hubKey || !/[.:]/.test(first);
}
