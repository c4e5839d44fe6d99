/** The pure parts of the tcp link, in tables. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { kindOf, messageOf } from '../../model/errors.ts';
import { parseTcpEndpoint } from '../../model/tcp-endpoint.ts';
import { execStatus } from './exec-status.ts';
import { feedFrames } from './helper-dial.ts';
import { planHelper, type SeenContainer, type SeenSandbox } from './helper-plan.ts';
import { helperContainer, helperSandbox, helperSpecHash } from './helper-spec.ts';
import { helperLabels, labels } from '../../model/labels.ts';
import { streamTarget } from '../link/stream-target.ts';
import { tlsFault } from './tls-fault.ts';
import { certificateProblem } from './tls-files.ts';

describe('a tcp endpoint', () => {
  const rows: [endpoint: string, expect: object][] = [
    ['tcp://198.51.100.10:10010', { host: '198.51.100.10', port: 10010 }],
    ['tcp://[2001:db8::1]:10010/', { host: '2001:db8::1', port: 10010 }],
    ['tcp://box.example:1', { host: 'box.example', port: 1 }],
  ];
  for (const [endpoint, expect] of rows)
    it(`is read: ${endpoint}`, () => {
      assert.deepEqual(parseTcpEndpoint(endpoint), expect);
    });
  const bad: [endpoint: string, problem: RegExp][] = [
    ['tcp://box', /name the port/],
    ['tcp://box:0', /name the port/],
    ['tcp://root@box:1', /a user has no place/],
    ['tcp://box:1/run/c.sock', /nothing may follow/],
    ['tcp:box', /write tcp/],
  ];
  for (const [endpoint, problem] of bad)
    it(`is refused: ${endpoint}`, () => {
      const parsed = parseTcpEndpoint(endpoint);
      assert.ok('problem' in parsed);
      assert.match(parsed.problem, problem);
    });
});

describe('a streaming URL', () => {
  const rows: [url: string, host: string][] = [
    ['https://0.0.0.0:10011/exec/x', 'far.example'],
    ['https://[::]:10011/exec/x', 'far.example'],
    ['https://127.0.0.1:10011/exec/x', 'far.example'],
    ['https://localhost:10011/exec/x', 'far.example'],
    ['https://198.51.100.10:10011/exec/x', '198.51.100.10'],
    ['https://[2001:db8::1]:10011/exec/x', '2001:db8::1'],
  ];
  for (const [url, host] of rows)
    it(`${url} is dialed at ${host}`, () => {
      const target = streamTarget(new URL(url), { name: 'box', host: 'far.example' });
      assert.deepEqual(target, { host, port: 10011 });
    });
  it('without TLS is refused', () => {
    const plain = new URL('http://198.51.100.10:10011/exec/x');
    assert.throws(
      () => streamTarget(plain, { name: 'box', host: 'far' }),
      /box: .*no TLS .*set enable_tls_streaming/,
    );
  });
});

describe('what a TLS failure means', () => {
  const rows: [code: string, expect: RegExp, kind: string][] = [
    ['SELF_SIGNED_CERT_IN_CHAIN', /not issued by an authority in caFile \/ca/, 'unauthenticated'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /caFile \/ca/, 'unauthenticated'],
    ['CERT_HAS_EXPIRED', /renew it on the host/, 'unauthenticated'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /for another name/, 'unauthenticated'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', /refuses the certificate in certFile \/cert/, 'unauthenticated'],
    ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', /refuses the certificate/, 'unauthenticated'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', /does not speak TLS/, 'unauthenticated'],
    ['ERR_OSSL_X509_KEY_VALUES_MISMATCH', /\/cert and keyFile \/key do not go together/, 'unauthenticated'],
    ['ECONNREFUSED', /nothing listens there/, 'unavailable'],
    ['ETIMEDOUT', /nothing answers there/, 'unavailable'],
    ['ECONNRESET', /^box: tls far:1: broken$/, 'unavailable'],
  ];
  for (const [code, expect, kind] of rows)
    it(code, () => {
      const files = { caFile: '/ca', certFile: '/cert', keyFile: '/key' };
      const error = Object.assign(new Error('broken'), { code });
      const fault = tlsFault(error, { host: 'box', where: 'box: tls far:1', files });
      assert.match(messageOf(fault), expect);
      assert.equal(kindOf(fault), kind);
    });
});

describe('a certificate', () => {
  it('is told to be out of date, or none at all', () => {
    const folder = mkdtempSync(`${tmpdir()}/farlet-cert-`);
    try {
      const file = `${folder}/c.pem`;
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
      execFileSync(
        'openssl',
        ['req', '-x509', ...key, '-keyout', `${folder}/k.pem`, '-subj', '/CN=x', '-days', '1', '-out', file],
        { stdio: 'ignore' },
      );
      const pem = readFileSync(file);
      const now = Date.now();
      const day = 86_400_000;
      assert.equal(certificateProblem(pem, now + 1_000), undefined);
      assert.match(certificateProblem(pem, now + 2 * day) ?? '', /^has expired on .*: renew it$/);
      assert.match(certificateProblem(pem, now - day) ?? '', /^is valid only from .*: compare the clocks$/);
      assert.equal(certificateProblem(Buffer.from('x'), now), 'holds no certificate in PEM form');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the helper', () => {
  const image = 'busybox';
  const spec = helperSpecHash(image);
  const sandbox = (id: string, attempt: number, more: Partial<SeenSandbox> = {}): SeenSandbox => ({
    id,
    attempt,
    ready: true,
    labels: { [helperLabels.spec]: spec },
    ...more,
  });
  const container = (of: string, running = true): SeenContainer => ({ id: `c-${of}`, sandbox: of, running });
  const rows: { name: string; sandboxes: SeenSandbox[]; containers: SeenContainer[]; expect: object }[] = [
    { name: 'is made', sandboxes: [], containers: [], expect: { do: 'make', attempt: 0, remove: [] } },
    {
      name: 'is used',
      sandboxes: [sandbox('a', 3)],
      containers: [container('a')],
      expect: { do: 'use', container: 'c-a', remove: [] },
    },
    {
      name: 'is made again when its container has died',
      sandboxes: [sandbox('a', 3)],
      containers: [container('a', false)],
      expect: { do: 'make', attempt: 4, remove: ['a'] },
    },
    {
      name: 'is made again after the host has booted',
      sandboxes: [sandbox('a', 0, { ready: false })],
      containers: [container('a')],
      expect: { do: 'make', attempt: 1, remove: ['a'] },
    },
    {
      name: 'is made again with another image',
      sandboxes: [sandbox('a', 0, { labels: { [helperLabels.spec]: helperSpecHash('other') } })],
      containers: [container('a')],
      expect: { do: 'make', attempt: 1, remove: ['a'] },
    },
    {
      name: 'is the newest that is whole, and the only one',
      sandboxes: [sandbox('a', 0), sandbox('b', 1), sandbox('c', 2)],
      containers: [container('a'), container('b')],
      expect: { do: 'use', container: 'c-b', remove: ['c', 'a'] },
    },
  ];
  for (const { name, sandboxes, containers, expect } of rows)
    it(name, () => {
      assert.deepEqual(planHelper({ sandboxes, containers }, spec), expect);
    });

  it('carries no label that pods are found by', () => {
    const owner = { node: 'n', cluster: 'c' };
    const made = [
      helperSandbox({ owner, image, attempt: 0, driver: 'systemd' }),
      helperContainer({ owner, image, imageId: 'sha256:x' }),
    ];
    for (const { labels: carried = {} } of made)
      for (const key of Object.values(labels)) assert.equal(carried[key], undefined);
  });
});

describe('a dial by way of the helper', () => {
  it('frames every byte, in pieces of 64 KiB at most', () => {
    fc.assert(
      fc.property(fc.nat(200_000), (length) => {
        const data = Buffer.alloc(length, 'x');
        const frames = feedFrames(data);
        const pieces = frames.filter((_, index) => index % 2 === 1);
        const counts = frames.filter((_, index) => index % 2 === 0).map((line) => Number(line.toString()));
        assert.deepEqual(
          counts,
          pieces.map((piece) => piece.length),
        );
        assert.ok(Buffer.concat(pieces).equals(data));
        assert.ok(counts.every((count) => count > 0 && count <= 65_536));
      }),
      { numRuns: 20 },
    );
  });
});

describe('how a process in a container ended', () => {
  const rows: [payload: string, expect: object][] = [
    ['{"metadata":{},"status":"Success"}', { ok: true, text: '' }],
    ['{"status":"Failure","message":"exit code 3"}', { ok: false, text: 'exit code 3' }],
    ['null', { ok: false, text: 'the runtime reported no status' }],
    ['x', { ok: false, text: 'the runtime ended the stream with "x"' }],
  ];
  for (const [payload, expect] of rows)
    it(payload, () => {
      assert.deepEqual(execStatus(Buffer.from(payload)), expect);
    });
});
