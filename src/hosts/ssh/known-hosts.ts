/** OpenSSH's known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): which keys a host may have. Pure. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export interface KnownHost {
  readonly line: number;
  readonly marker: 'none' | 'revoked' | 'cert-authority';
  readonly hosts: string;
  readonly type: string;
  readonly key: Buffer;
}

export type HostKeyVerdict =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly why: 'unknown' | 'changed' | 'revoked' | 'certificates-only';
      readonly lines: readonly number[];
    };

export interface HostName {
  readonly host: string;
  readonly port: number;
}

/** Lines that are no entries (comments, protocol 1 keys, damage) are passed over, as ssh does. */
export function parseKnownHosts(text: string): KnownHost[] {
  return text.split('\n').flatMap((raw, index) => {
    const words = raw.trim().split(/\s+/);
    if (words[0] === '' || words[0]?.startsWith('#') === true) return [];
    const marked = words[0]?.startsWith('@') === true;
    const marker = marked ? words.shift()?.slice(1) : 'none';
    const [hosts, type, encoded] = words;
    if (hosts === undefined || type === undefined || encoded === undefined) return [];
    if (marker !== 'none' && marker !== 'revoked' && marker !== 'cert-authority') return [];
    const key = Buffer.from(encoded, 'base64');
    return keyType(key) === type ? [{ line: index + 1, marker, hosts, type, key }] : [];
  });
}

/** Whether a host may have this key: strictly, as with StrictHostKeyChecking=yes. */
export function checkHostKey(entries: readonly KnownHost[], name: HostName, key: Buffer): HostKeyVerdict {
  const mine = entries.filter((entry) => matches(entry.hosts, name));
  const marked = (marker: KnownHost['marker']): KnownHost[] =>
    mine.filter((entry) => entry.marker === marker);
  const refuse = (why: Extract<HostKeyVerdict, { ok: false }>['why'], by: KnownHost[]): HostKeyVerdict => ({
    ok: false,
    why,
    lines: by.map(({ line }) => line),
  });
  const revoked = marked('revoked').filter((entry) => entry.key.equals(key));
  if (revoked.length > 0) return refuse('revoked', revoked);
  const plain = marked('none');
  if (plain.some((entry) => entry.key.equals(key))) return { ok: true };
  const sameType = plain.filter(({ type }) => type === keyType(key));
  if (sameType.length > 0) return refuse('changed', sameType);
  if (plain.length > 0) return refuse('unknown', plain);
  const authorities = marked('cert-authority');
  return authorities.length > 0 ? refuse('certificates-only', authorities) : refuse('unknown', []);
}

/** The types of the keys that are known of a host: the ones to ask it for. */
export function knownKeyTypes(entries: readonly KnownHost[], name: HostName): string[] {
  const mine = entries.filter(({ marker, hosts }) => marker === 'none' && matches(hosts, name));
  return [...new Set(mine.map(({ type }) => type))];
}

/** As ssh-keygen -l prints it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The name that a key blob begins with, e.g. ssh-ed25519. */
export function keyType(key: Buffer): string {
  const length = key.length < 4 ? 0 : key.readUInt32BE(0);
  return key.subarray(4, 4 + length).toString('latin1');
}

/** How ssh writes a host there: the name alone on port 22, else [name]:port. */
export function knownHostsName({ host, port }: HostName): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${String(port)}`;
}

function matches(hosts: string, name: HostName): boolean {
  const wanted = knownHostsName(name);
  if (hosts.startsWith('|')) return matchesHash(hosts, wanted);
  const patterns = hosts.toLowerCase().split(',');
  if (patterns.some((each) => each.startsWith('!') && glob(each.slice(1), wanted))) return false;
  return patterns.some((each) => !each.startsWith('!') && glob(each, wanted));
}

function matchesHash(hashed: string, wanted: string): boolean {
  const [, version, salt, hash] = hashed.split('|');
  if (version !== '1' || salt === undefined || hash === undefined) return false;
  const expected = Buffer.from(hash, 'base64');
  const found = createHmac('sha1', Buffer.from(salt, 'base64')).update(wanted).digest();
  return expected.length === found.length && timingSafeEqual(expected, found);
}

/**
 * `*` any run, `?` any one character; anything else is itself. Goes back to the last * only, so that no
 * pattern takes long.
 */
function glob(pattern: string, text: string): boolean {
  let [at, star, from] = [0, -1, 0];
  for (let index = 0; index < text.length;) {
    const wanted = pattern[at];
    if (wanted === '*') {
      [star, from] = [at, index];
      at += 1;
    } else if (wanted === '?' || (wanted !== undefined && wanted === text[index])) {
      at += 1;
      index += 1;
    } else if (star >= 0) {
      from += 1;
      [at, index] = [star + 1, from];
    } else return false;
  }
  return /^\**$/.test(pattern.slice(at));
}
