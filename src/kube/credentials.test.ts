/** Credentials that are replaced while they are in use, against a server that asks for certificates. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, renameSync, writeFileSync } from 'node:fs';
import { createSecureServer, type Http2SecureServer, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { admin, ca, plain, serving, type TestPair } from '../testing/certificates.ts';
import { FakeClock, pod } from '../testing/fixtures.ts';
import { connectKube, type KubeConnection } from './connect.ts';
import type { CredentialsLook } from './credentials.ts';

const answer = JSON.stringify(pod({ metadata: { name: 'x' } }));
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('credentials in use', () => {
  let folder: string;
  let server: Http2SecureServer;
  let kube: KubeConnection;
  let clock: FakeClock;
  let seen: (string | undefined)[];
  let looks: CredentialsLook[];
  let watchers: Http2ServerResponse[];
  let file: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'kube-credentials-'));
    file = join(folder, 'kubeconfig');
    clock = new FakeClock();
    [seen, looks, watchers] = [[], [], []];
    server = createSecureServer(
      { ...serving, ca, requestCert: true, rejectUnauthorized: false, allowHTTP1: true },
      (request, response) => {
        const socket = (
          request.httpVersion === '2.0' ? request.stream.session?.socket : request.socket
        ) as TLSSocket;
        const peer = socket.getPeerCertificate() as { subject?: { CN?: string | string[] } };
        const token = request.headers.authorization;
        if (request.url.includes('watch=true')) {
          watchers.push(response);
          response.write('{"type":"BOOKMARK"}\n');
          return;
        }
        seen.push(token ?? String(peer.subject?.CN));
        response.end(answer);
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    place(kubeconfig({ pair: admin }));
    kube = connectKube({
      kubeconfig: file,
      userAgent: 'test',
      clock,
      onCredentials: (look) => looks.push(look),
    });
  });

  afterEach(async () => {
    await kube.close();
    server.close();
    rmSync(folder, { recursive: true });
  });

  const kubeconfig = ({
    pair,
    token,
    port = (server.address() as AddressInfo).port,
  }: {
    pair?: TestPair;
    token?: string;
    port?: number;
  }): string => {
    const named = (kind: string, value: object): object[] => [{ name: 'c', [kind]: value }];
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'c',
      clusters: named('cluster', {
        server: `https://127.0.0.1:${String(port)}`,
        'certificate-authority-data': base64(ca),
      }),
      users: named('user', {
        ...(pair === undefined
          ? {}
          : { 'client-certificate-data': base64(pair.cert), 'client-key-data': base64(pair.key) }),
        ...(token === undefined ? {} : { token }),
      }),
      contexts: named('context', { cluster: 'c', user: 'c' }),
    });
  };

  /** As the kubelet replaces what it mounts. */
  let version = 0;
  const place = (text: string): void => {
    version += 1;
    writeFileSync(join(folder, String(version)), text);
    symlinkSync(String(version), join(folder, 'next'));
    renameSync(join(folder, 'next'), file);
  };

  const whoAsks = async (): Promise<string | undefined> => {
    await clock.advance(10_001);
    looks.length = 0;
    await kube.get('/api/v1/namespaces/default/pods/x');
    return seen.at(-1);
  };

  it('a new certificate is shown with new requests, and watches go on', async () => {
    const life = new AbortController();
    const watch = await kube.stream('/api/v1/pods', {
      query: { watch: 'true' },
      signal: life.signal,
    });
    const lines = watch.body[Symbol.asyncIterator]();
    await lines.next();
    assert.match((await whoAsks()) ?? '', /admin/);
    place(kubeconfig({ pair: plain }));
    assert.equal(await whoAsks(), 'plain');
    assert.deepEqual(
      looks.map(({ problem, isNew }) => ({ problem, isNew })),
      [{ problem: undefined, isNew: true }],
    );
    assert.deepEqual(looks[0]?.files, [file]);
    watchers[0]?.write('{"type":"BOOKMARK","second":true}\n');
    assert.match(String((await lines.next()).value), /second/);
    life.abort(new Error('over'));
  });

  it('a token in place of a certificate', async () => {
    place(kubeconfig({ token: 't' }));
    assert.equal(await whoAsks(), 'Bearer t');
  });

  const wrong: [name: string, text: () => string, problem: RegExp][] = [
    ['half a file', () => kubeconfig({ pair: plain }).slice(0, 300), /can't be read/],
    ['an empty file', () => '', /has no current context|can't be read/],
    ['another server', () => kubeconfig({ pair: plain, port: 1 }), /its API server is .*restart farlet/],
    ['nobody', () => kubeconfig({}), /neither a token nor a client certificate/],
    [
      'a key of another',
      () => kubeconfig({ pair: { cert: plain.cert, key: admin.key } }),
      /do not go together/,
    ],
  ];
  for (const [name, text, problem] of wrong)
    it(`${name}: those of before stay, and are replaced once it is right`, async () => {
      assert.match((await whoAsks()) ?? '', /admin/);
      place(text());
      assert.match((await whoAsks()) ?? '', /admin/);
      assert.match(looks[0]?.problem ?? '', problem);
      place(kubeconfig({ pair: plain }));
      assert.equal(await whoAsks(), 'plain');
      assert.equal(looks[0]?.problem, undefined);
    });
});
