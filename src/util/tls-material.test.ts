import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { admin, ca, plain } from '../testing/certificates.ts';
import { materialFault, type MaterialFault, type TlsInput } from './tls-material.ts';

describe('what TLS is spoken with', () => {
  const rows: [name: string, material: TlsInput, kind: MaterialFault['kind'] | undefined][] = [
    ['nothing', {}, undefined],
    ['an authority', { ca }, undefined],
    ['an authority and a pair', { ca, ...admin }, undefined],
    ['an authority that is half there', { ca: ca.slice(0, 200), ...admin }, 'authority'],
    ['another key', { ca, cert: plain.cert, key: admin.key }, 'pair'],
    ['a certificate that is half there', { cert: admin.cert.slice(0, 200), key: admin.key }, 'unreadable'],
    ['a key that is half there', { cert: admin.cert, key: admin.key.slice(0, 100) }, 'unreadable'],
  ];
  for (const [name, material, kind] of rows)
    it(`${name}: ${kind ?? 'usable'}`, () => {
      assert.equal(materialFault(material)?.kind, kind);
    });
});
