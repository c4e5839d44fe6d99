/** The connection against a server that speaks HTTP/1.1 and HTTP/2, as an API server does. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { createServer as createProxy } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pod } from '../testing/fixtures.ts';
import { connectKube, type KubeConnection } from './connect.ts';
import { paths } from './paths.ts';

const podList = { kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items: [] };

describe('the connection to an API server', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kube-connect-'));
  const seen: { path: string; version: string }[] = [];
  let server: Http2SecureServer;
  let kube: KubeConnection;
  /** a kubeconfig for the server, with more keys of the cluster */
  let describeCluster: (more: object) => string;

  before(async () => {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    execFileSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
      ...['-keyout', key, '-out', cert, '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'],
    ]);
    server = createSecureServer(
      { key: readFileSync(key), cert: readFileSync(cert), allowHTTP1: true },
      (request, response) => {
        seen.push({ path: request.url, version: request.httpVersion });
        if (request.url.includes('watch=true')) response.write('{"type":"BOOKMARK"}\n');
        else if (request.method === 'GET') response.end(JSON.stringify(podList));
        else if (request.method === 'POST') response.end(JSON.stringify(pod()));
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const kubeconfig = join(folder, 'kubeconfig');
    const named = (kind: string, value: object): object[] => [{ name: 'c', [kind]: value }];
    const cluster = { server: `https://127.0.0.1:${port}`, 'certificate-authority': cert };
    describeCluster = (more) =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'c',
        clusters: named('cluster', { ...cluster, ...more }),
        users: named('user', { token: 't' }),
        contexts: named('context', { cluster: 'c', user: 'c' }),
      });
    writeFileSync(kubeconfig, describeCluster({}));
    kube = connectKube({ kubeconfig, userAgent: 'test' });
  });

  after(async () => {
    await kube.close();
    server.close();
    rmSync(folder, { recursive: true });
  });

  const versions = async (over: KubeConnection): Promise<void> => {
    seen.length = 0;
    const stop = new AbortController();
    const watch = await over.stream('/api/v1/pods', { query: { watch: 'true' }, signal: stop.signal });
    for await (const chunk of watch.body) {
      assert.match(String(chunk), /BOOKMARK/);
      break;
    }
    stop.abort();
    await over.create('/api/v1/namespaces/default/pods', { kind: 'Pod' });
    await over.get('/api/v1/pods');
    assert.deepEqual(seen, [
      { path: '/api/v1/pods?watch=true', version: '2.0' },
      { path: '/api/v1/namespaces/default/pods', version: '1.1' },
      { path: '/api/v1/pods', version: '1.1' },
    ]);
  };

  it('watches share HTTP/2, calls go over HTTP/1.1', () => versions(kube));

  it('the same through a proxy', async () => {
    const asked: string[] = [];
    const proxy = createProxy().on('connect', (request, client) => {
      asked.push(request.url ?? '');
      const [host, port] = (request.url ?? '').split(':');
      const far = connect(Number(port), host, () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        far.pipe(client).pipe(far);
      });
      for (const socket of [far, client]) socket.on('error', () => far.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as AddressInfo;
    const through = join(folder, 'kubeconfig-proxy');
    writeFileSync(through, describeCluster({ 'proxy-url': `http://127.0.0.1:${port}` }));
    const kubeThrough = connectKube({ kubeconfig: through, userAgent: 'test' });
    try {
      await versions(kubeThrough);
      assert.ok(asked.length >= 2, 'one for the watch, one for calls');
    } finally {
      await kubeThrough.close();
      proxy.close();
    }
  });

  it('calls that are given up while their bodies are being sent hold nothing up', async () => {
    for (let round = 0; round < 12; round += 1) {
      const stop = new AbortController();
      const { signal } = stop;
      const calls = Array.from({ length: 20 }, () =>
        kube.patch(paths.pod('default', 'web'), 'merge', { round }, { signal }).then(
          () => 'answered',
          () => 'given up',
        ),
      );
      // the round in which a body was written and has not left yet is among them
      for (let turn = 0; turn < round; turn += 1) await Promise.resolve();
      stop.abort(new Error('no longer wanted'));
      assert.deepEqual(new Set(await Promise.all(calls)), new Set(['given up']));
      await kube.get('/api/v1/pods');
    }
  });
});
