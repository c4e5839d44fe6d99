import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  checkHostKey,
  fingerprint,
  knownKeyTypes,
  parseKnownHosts,
  type HostKeyVerdict,
} from './known-hosts.ts';

// made and hashed by OpenSSH's ssh-keygen
const ed25519 = 'AAAAC3NzaC1lZDI1NTE5AAAAIAoAV+3raDGRqQ5JM2exooj40/lXTk2AnYFP12TpFUSj';
const ecdsa =
  'AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBOFsPLlG8sdb/5UyZO5m2llXifLYS1ve3anJWw8IAu5ud3hawbCyGkn3lI6rVFvEh+mycMDV2p26MWUL7mkmgBk=';
const hashed22 = '|1|h0Z3Re6hyok3GGLI27wrF07N0hM=|qmVH4SC0ytkp72GYQwK/9VpxfR0=';
const hashed2222 = '|1|AnGvv+LZK4s44gp9Giti/GtjUdo=|kvgH4xvdfwu2KdEsqi0cb+g7RVE=';
const key = Buffer.from(ed25519, 'base64');
const E = `ssh-ed25519 ${ed25519}`;
const C = `ecdsa-sha2-nistp256 ${ecdsa}`;

function verdict(text: string, host: string, port = 22): string {
  const found: HostKeyVerdict = checkHostKey(parseKnownHosts(text), { host, port }, key);
  return found.ok ? 'ok' : `${found.why} ${found.lines.join(',')}`.trim();
}

describe('known hosts', () => {
  const rows: { name: string; text: string; host?: string; port?: number; expect: string }[] = [
    { name: 'a name', text: `box.example ${E}`, expect: 'ok' },
    { name: 'a name in other case', text: `BOX.Example ${E}`, host: 'box.EXAMPLE', expect: 'ok' },
    { name: 'one of several names', text: `a,box.example,10.0.0.1 ${E} comment`, expect: 'ok' },
    { name: 'a wildcard', text: `*.example ${E}`, expect: 'ok' },
    { name: 'a wildcard with an exception', text: `*.example,!box.example ${E}`, expect: 'unknown' },
    { name: 'a dot is a dot', text: `boxxexample ${E}`, expect: 'unknown' },
    { name: 'another port is another name', text: `box.example ${E}`, port: 2222, expect: 'unknown' },
    { name: 'a name with port', text: `[box.example]:2222 ${E}`, port: 2222, expect: 'ok' },
    { name: 'a hashed name', text: `${hashed22} ${E}`, expect: 'ok' },
    { name: 'a hashed name of another', text: `${hashed22} ${E}`, host: 'other.example', expect: 'unknown' },
    { name: 'a hashed name with port', text: `${hashed2222} ${E}`, port: 2222, expect: 'ok' },
    { name: 'no line', text: '# nothing\n\n', expect: 'unknown' },
    { name: 'a line of another type', text: `box.example ${C}`, expect: 'unknown 1' },
    { name: 'a changed key', text: `\n\nbox.example ${E.slice(0, -4)}AAAA`, expect: 'changed 3' },
    { name: 'a second key that fits', text: `box.example ${C}\nbox.example ${E}`, expect: 'ok' },
    { name: 'a revoked key', text: `box.example ${E}\n@revoked * ${E}`, expect: 'revoked 2' },
    { name: 'another revoked key', text: `box.example ${E}\n@revoked * ${C}`, expect: 'ok' },
    { name: 'an authority', text: `@cert-authority *.example ${E}`, expect: 'certificates-only 1' },
    {
      name: 'a damaged line',
      text: 'box.example ssh-ed25519 AAAA\nbox.example\n@what x y z',
      expect: 'unknown',
    },
  ];
  for (const { name, text, host = 'box.example', port, expect } of rows)
    it(`judges by ${name}`, () => {
      assert.equal(verdict(text, host, port), expect);
    });

  it('shows a key as ssh-keygen does', () => {
    assert.equal(fingerprint(key), 'SHA256:v86eb78zh+2HvtkBIFVZRPQCr30w+RamAubpBbZDRt8');
  });

  it('names the key types to ask for', () => {
    const entries = parseKnownHosts(`box.example ${C}\n@revoked box.example ${E}`);
    assert.deepEqual(knownKeyTypes(entries, { host: 'box.example', port: 22 }), ['ecdsa-sha2-nistp256']);
  });
});
