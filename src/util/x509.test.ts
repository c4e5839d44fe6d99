import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { createSecureContext } from 'node:tls';
import { describe, it } from 'node:test';
import { certificateRequest, selfSignedCertificate } from './x509.ts';

const names = { dnsNames: ['edge-1'], ips: ['10.0.0.1', 'fd14::1', '::1'] };
const now = Date.parse('2026-01-02T03:04:05Z');

describe('a self-signed certificate', () => {
  it('is for its names and addresses, for a year, by its own key', async () => {
    const { cert, key, expires } = await selfSignedCertificate('edge-1', names, now);
    const read = new X509Certificate(cert);
    assert.equal(read.subject, 'CN=edge-1');
    assert.ok(read.verify(read.publicKey));
    assert.equal(read.ca, false);
    assert.deepEqual(read.subjectAltName?.split(', '), [
      'DNS:edge-1',
      'IP Address:10.0.0.1',
      'IP Address:FD14:0:0:0:0:0:0:1',
      'IP Address:0:0:0:0:0:0:0:1',
    ]);
    for (const ip of names.ips) assert.ok(read.checkIP(ip) !== undefined, ip);
    assert.deepEqual(read.keyUsage, ['1.3.6.1.5.5.7.3.1']);
    assert.equal(Date.parse(read.validTo), expires);
    assert.equal(Date.parse(read.validFrom), now - 60_000);
    createSecureContext({ cert, key });
  });

  it('has a serial number of its own', async () => {
    const made = await Promise.all([1, 2].map(() => selfSignedCertificate('a', names, now)));
    const [one, other] = made.map(({ cert }) => new X509Certificate(cert).serialNumber);
    assert.notEqual(one, other);
    assert.match(one ?? '', /^[4-7][0-9A-F]{31}$/);
  });
});

describe('a request for a certificate', () => {
  it('has the subject and the names that a kubelet asks for', async () => {
    const subject = { organization: 'system:nodes', commonName: 'system:node:edge-1' };
    const { request, key } = await certificateRequest(subject, names);
    const openssl = (...args: string[]): string =>
      execFileSync('openssl', ['req', '-noout', ...args], { input: request, encoding: 'utf8' });
    assert.equal(openssl('-subject').trim(), 'subject=O = system:nodes, CN = system:node:edge-1');
    assert.match(
      openssl('-text'),
      /DNS:edge-1, IP Address:10\.0\.0\.1, IP Address:FD14:0:0:0:0:0:0:1, IP Address:0:0:0:0:0:0:0:1/,
    );
    const ofKey = execFileSync('openssl', ['pkey', '-pubout'], { input: key, encoding: 'utf8' });
    assert.equal(openssl('-pubkey'), ofKey);
  });
});
