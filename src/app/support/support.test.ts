import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { KubeError } from '../../model/errors.ts';
import type { Pod } from '../../model/kube.ts';
import { archive, collect, type BundleOptions } from './bundle.ts';
import { redactedPod, redactedText } from './redact.ts';

/** Where secrets may stand in a cluster; none of them may be in a bundle. */
const planted = {
  value: 'planted-env-value',
  argument: 'planted-argument',
  command: 'planted-command',
  annotation: 'planted-annotation',
  header: 'planted-header',
  lastWords: 'planted-last-words',
  probe: 'planted-probe-output',
  node: 'planted-node-annotation',
  log: 'planted-log-token-0123456789',
  page: 'planted-page-password',
} as const;

const secretive = {
  metadata: {
    name: 'web',
    namespace: 'shop',
    uid: 'u-1',
    annotations: {
      'kubectl.kubernetes.io/last-applied-configuration': planted.annotation,
      'farlet.dev/host': 'box-1',
    },
    labels: { app: 'web' },
  },
  spec: {
    nodeName: 'edge-1',
    containers: [
      {
        name: 'c',
        image: 'registry.example/web:1',
        command: [planted.command],
        args: [planted.argument],
        env: [{ name: 'PASSWORD', value: planted.value }],
        livenessProbe: { httpGet: { port: 80, httpHeaders: [{ name: 'x', value: planted.header }] } },
      },
    ],
    volumes: [{ name: 'keys', secret: { secretName: 'keys' } }],
  },
  status: {
    phase: 'Running',
    containerStatuses: [
      {
        name: 'c',
        ready: true,
        restartCount: 2,
        image: 'x',
        imageID: 'x',
        state: { running: {} },
        lastState: { terminated: { exitCode: 1, reason: 'Error', message: planted.lastWords } },
      },
    ],
  },
} as unknown as Pod;

describe('what of a pod may leave the cluster', () => {
  it('is how it is, and nothing of what it does', () => {
    const text = JSON.stringify(redactedPod(secretive));
    for (const secret of Object.values(planted)) assert.ok(!text.includes(secret), secret);
    for (const kept of [
      'web',
      'registry.example/web:1',
      'PASSWORD',
      'box-1',
      'livenessProbe',
      '"exitCode":1',
    ])
      assert.ok(text.includes(kept), kept);
  });
});

describe('text without secrets', () => {
  const jwt = ['eyJhbGciOiJSUzI1NiJ9', 'eyJzdWIiOiJtZSJ9', 'c2lnbmF0dXJl'].join('.');
  const rows: [name: string, text: string, expect: string][] = [
    ['a token', `token is ${jwt}, said he`, 'token is (redacted), said he'],
    ['a header', 'Authorization: Bearer abcdefgh12345', 'Authorization: Bearer (redacted)'],
    ['a password in a URL', 'https://me:hunter2@host/path', 'https://me:(redacted)@host/path'],
    ['a field of JSON', '{"password": "hunter2", "x": 1}', '{"password": (redacted), "x": 1}'],
    ['a variable', 'API_KEY=hunter2 next', 'API_KEY=(redacted) next'],
    ['a key', 'a\n-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nb', 'a\n(redacted)\nb'],
    [
      'what is none',
      'tokens 7, secretName keys, authorization.mode',
      'tokens 7, secretName keys, authorization.mode',
    ],
    ['an address', 'https://host:10250/pods', 'https://host:10250/pods'],
  ];
  for (const [name, text, expect] of rows)
    it(name, () => {
      assert.equal(redactedText(text), expect);
    });
});

const node = {
  metadata: {
    name: 'edge-1',
    annotations: { 'farlet.dev/configured': '{}', 'other.example/key': planted.node },
  },
  status: { conditions: [{ type: 'Ready', status: 'True', message: 'fine' }] },
};
const about = { kind: 'Pod', name: 'web', namespace: 'shop', uid: 'u-1' };
const events = [
  { reason: 'Unhealthy', message: `Liveness probe failed: ${planted.probe}`, involvedObject: about },
  { reason: 'Pulled', message: 'Container image "x" already present', involvedObject: about },
  { reason: 'Elsewhere', message: 'not of this node', involvedObject: { ...about, uid: 'u-9' } },
];

function options(refused: readonly string[] = []): BundleOptions {
  const lists = new Map<string, unknown[]>([
    ['/api/v1/nodes', [node]],
    ['/api/v1/events', events],
    ['/api/v1/pods', [secretive]],
  ]);
  return {
    client: {
      server: 'https://cluster.example',
      get: <T>(path: string) => {
        if (refused.some((each) => path.includes(each)))
          return Promise.reject(
            new KubeError('forbidden', `may not ${path}`, { status: 403, reason: 'Forbidden' }),
          );
        return Promise.resolve({ metadata: { resourceVersion: '1' }, items: lists.get(path) ?? [] } as T);
      },
      stream: (path) => {
        if (refused.some((each) => path.includes(each)))
          return Promise.reject(
            new KubeError('forbidden', `may not ${path}`, { status: 403, reason: 'Forbidden' }),
          );
        const text = path.endsWith('/log')
          ? `line\nAuthorization: Bearer ${planted.log}\n`
          : `page ${path} password=${planted.page}\n`;
        return Promise.resolve({ body: [Buffer.from(text)] as unknown as AsyncIterable<Buffer> });
      },
    },
    names: [],
    version: 'farlet 0.0.0\n',
    config: { text: 'nodes: []\n', check: '{"ok":true}\n' },
    progress: () => undefined,
    signal: new AbortController().signal,
    now: () => Date.parse('2026-01-02T03:04:05Z'),
  };
}

describe('a support bundle', () => {
  it('has what helps, and nothing of what was planted', async () => {
    const files = await collect(options());
    assert.deepEqual([...files.keys()].sort(), [
      'README.txt',
      'check.json',
      'config.yaml',
      'logs/web-previous.txt',
      'logs/web.txt',
      'nodes/edge-1/configz.json',
      'nodes/edge-1/events.json',
      'nodes/edge-1/healthz.txt',
      'nodes/edge-1/metrics.txt',
      'nodes/edge-1/node.json',
      'nodes/edge-1/pods.json',
      'nodes/edge-1/resource-metrics.txt',
      'nodes/edge-1/stats.json',
      'status.txt',
      'version.txt',
    ]);
    const all = [...files.values()].join('\n');
    for (const secret of Object.values(planted)) assert.ok(!all.includes(secret), secret);
    assert.match(files.get('nodes/edge-1/events.json') ?? '', /already present/);
    assert.doesNotMatch(files.get('nodes/edge-1/events.json') ?? '', /not of this node/);
    assert.match(files.get('status.txt') ?? '', /^edge-1 +Ready/m);
  });

  it('names what it could not read, and has the rest', async () => {
    const files = await collect(options(['/proxy/', '/events', '/leases']));
    const missing = files.get('missing.txt') ?? '';
    for (const part of ['events', 'metrics.txt', 'heartbeats']) assert.match(missing, new RegExp(part), part);
    assert.ok(files.has('nodes/edge-1/pods.json'));
    assert.ok(files.has('logs/web.txt'));
  });

  it('is an archive with one folder', async () => {
    const bytes = await archive(new Map([['a/b.txt', 'text\n']]), 'farlet-support-x', 0);
    const names: string[] = [];
    const reader = extract();
    reader.end(gunzipSync(bytes));
    for await (const entry of reader) {
      names.push(entry.header.name);
      entry.resume();
    }
    assert.deepEqual(names, ['farlet-support-x/a/b.txt']);
  });
});
