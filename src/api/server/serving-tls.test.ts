import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createSecureContext, type TlsOptions } from 'node:tls';
import { ca, otherCa, plain, serving, type TestPair } from '../../testing/certificates.ts';
import { FakeClock, quietLog } from '../../testing/fixtures.ts';
import { cipherList, cipherSuiteNames } from '../../model/tls-names.ts';
import { FollowedFiles } from '../../util/followed-files.ts';
import { ServingTls } from './serving-tls.ts';

const DAY_MS = 24 * 3_600_000;

describe('a certificate of its own', () => {
  it('is replaced well before it ends, and only then', async () => {
    const clock = new FakeClock();
    const tls = await ServingTls.open({
      files: undefined,
      names: { node: 'edge-1', addresses: () => ['127.0.0.1'] },
      clientCaFile: undefined,
      minVersion: 'VersionTLS12',
      cipherSuites: [],
      followed: new FollowedFiles({ clock, log: quietLog }),
      log: quietLog,
      clock,
    });
    const changes: TlsOptions[] = [];
    const life = new AbortController();
    const following = tls.follow((options) => changes.push(options), life);
    const first = tls.certificate;
    // keys are made beside the event loop; the next look is due once this one is over
    const look = async (): Promise<void> => {
      await clock.advance(30_000);
      while (clock.timers === 0) await new Promise(setImmediate);
    };
    await look();
    assert.deepEqual([changes.length, tls.certificate], [0, first]);
    const end = new X509Certificate(first).validToDate.getTime();
    // one look, long after: FakeClock fires what is due first
    Object.defineProperty(clock, 'now', { value: () => end - 30 * DAY_MS });
    await look();
    assert.equal(changes.length, 1);
    assert.notEqual(tls.certificate, first);
    assert.equal(changes[0]?.cert, tls.certificate);
    assert.ok(new X509Certificate(tls.certificate).validToDate.getTime() > end + 300 * DAY_MS);
    life.abort();
    await following;
  });
});

describe('certificate and client CAs from files', () => {
  it('are taken together once they fit, and followed until the listener ends', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'serving-tls-'));
    const files = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
    const clientCaFile = join(folder, 'ca.crt');
    const write = (pair: Partial<TestPair>, authority = ca): void => {
      if (pair.cert !== undefined) writeFileSync(files.cert, pair.cert);
      if (pair.key !== undefined) writeFileSync(files.key, pair.key);
      writeFileSync(clientCaFile, authority);
    };
    try {
      write(serving);
      const clock = new FakeClock();
      Object.defineProperty(clock, 'now', { value: () => Date.parse('2026-06-01T00:00:00Z') });
      const looks: [file: string, problem: string | undefined][] = [];
      const released: string[] = [];
      const tls = await ServingTls.open({
        files,
        names: { node: 'edge-1', addresses: () => [] },
        clientCaFile,
        minVersion: 'VersionTLS12',
        cipherSuites: [],
        followed: new FollowedFiles({
          clock,
          log: quietLog,
          onLook: (file, problem) => looks.push([file, problem]),
          onReleased: (file) => released.push(file),
        }),
        log: quietLog,
        clock,
      });
      assert.deepEqual(
        looks,
        [files.cert, files.key, clientCaFile].map((file) => [file, undefined]),
      );
      const changes: TlsOptions[] = [];
      const life = new AbortController();
      const following = tls.follow((options) => changes.push(options), life);
      const look = async (): Promise<void> => {
        looks.length = 0;
        await clock.advance(30_000);
        while (clock.timers === 0) await new Promise(setImmediate);
      };
      write({ cert: plain.cert }, otherCa);
      await look();
      assert.match(looks[0]?.[1] ?? '', /key values mismatch/);
      assert.deepEqual([changes.length, tls.certificate], [0, serving.cert]);
      write(plain, otherCa);
      await look();
      assert.deepEqual(
        changes.map(({ cert, key, ca: authority }) => [cert, key, authority]),
        [[plain.cert, plain.key, otherCa]],
      );
      await look();
      assert.equal(changes.length, 1);
      life.abort();
      await following;
      assert.deepEqual(released, [files.cert, files.key, clientCaFile]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('cipher suites by the names of Go', () => {
  for (const name of cipherSuiteNames)
    it(`${name} is one that this TLS has`, () => {
      assert.doesNotThrow(() => createSecureContext({ ciphers: cipherList([name]) }));
      // beside those of TLS 1.3, which are always there
      const isModern = !name.includes('_WITH_');
      assert.equal(cipherList([name]).split(':').length, isModern ? 3 : 4);
    });

  it('by default none without forward secrecy or authenticated encryption', () => {
    for (const each of cipherList([]).split(':')) assert.match(each, /^(TLS_|ECDHE-).*(GCM|CHACHA20)/);
  });
});
