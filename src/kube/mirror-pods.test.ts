import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KubeError } from '../model/errors.ts';
import type { KubeNode, Pod } from '../model/kube.ts';
import { pod, quietLog, settle } from '../testing/fixtures.ts';
import { MirrorPods, mirrorStep, type MirrorStep } from './mirror-pods.ts';

const hash = 'kubernetes.io/config.hash';
const mark = 'kubernetes.io/config.mirror';
const own = pod({ metadata: { uid: 'h1', annotations: { [hash]: 'h1' } } });
const mirrorFor = (of: string, more: Partial<Pod['metadata']> = {}): Pod =>
  pod({ metadata: { uid: `mirror-of-${of}`, annotations: { [hash]: of, [mark]: of }, ...more } });
const node: KubeNode = { metadata: { name: 'edge-1', uid: 'node-uid' } };
const deleted = { deletionTimestamp: '2026-01-01T00:00:00Z' };

describe('what a mirror needs', () => {
  const rows: { name: string; mirror?: Pod; node?: KubeNode | undefined; step: MirrorStep }[] = [
    { name: 'none yet', step: 'create' },
    { name: 'no Node yet', node: undefined, step: 'wait' },
    { name: 'a Node that is going', node: { metadata: { ...node.metadata, ...deleted } }, step: 'wait' },
    { name: 'its own', mirror: mirrorFor('h1'), step: 'keep' },
    { name: 'one of a former manifest', mirror: mirrorFor('h0'), step: 'replace' },
    { name: 'one that is being deleted', mirror: mirrorFor('h1', deleted), step: 'replace' },
  ];
  for (const row of rows) {
    it(row.name, () => {
      assert.equal(mirrorStep(own, row.mirror, 'node' in row ? row.node : node), row.step);
    });
  }
});

interface Bench {
  mirrors: MirrorPods;
  calls: string[];
  created: { metadata: { ownerReferences: { uid: string }[] } }[];
  failed: string[];
  fail: (error: Error) => void;
}

function setUp(): Bench {
  const calls: string[] = [];
  const created: Bench['created'] = [];
  const failed: string[] = [];
  let failure: Error | undefined;
  const mirrors = new MirrorPods({
    client: {
      create: <T>(path: string, body: object): Promise<T> => {
        calls.push(`create ${path}`);
        if (failure !== undefined) return Promise.reject(failure);
        created.push(body as Bench['created'][number]);
        return Promise.resolve(mirrorFor('h1') as T);
      },
      delete: (path, body) => {
        calls.push(`delete ${path} ${JSON.stringify((body as { preconditions: unknown }).preconditions)}`);
        return Promise.resolve();
      },
      get: <T>() => Promise.resolve(mirrorFor('other') as T),
    },
    log: quietLog,
    signal: new AbortController().signal,
    node: () => node,
    onFailed: (name) => failed.push(name),
  });
  return { mirrors, calls, created, failed, fail: (error) => (failure = error) };
}

describe('mirror pods', () => {
  it('are made once, owned by the Node, and kept', async () => {
    const { mirrors, calls, created } = setUp();
    mirrors.ensure(own);
    mirrors.ensure(own);
    await settle();
    mirrors.ensure(own);
    await settle();
    assert.deepEqual(calls, ['create /api/v1/namespaces/default/pods']);
    assert.equal(created[0]?.metadata.ownerReferences[0]?.uid, 'node-uid');
    assert.ok(!('uid' in created[0].metadata), 'the API server gives a mirror its own');
  });

  it('of a former manifest go first', async () => {
    const { mirrors, calls } = setUp();
    mirrors.observed({ kind: 'add', pod: mirrorFor('h0') });
    mirrors.ensure(own);
    await settle();
    assert.deepEqual(calls, [
      'delete /api/v1/namespaces/default/pods/web {"uid":"mirror-of-h0"}',
      'create /api/v1/namespaces/default/pods',
    ]);
  });

  it('that nobody wants are deleted, others stay', async () => {
    const { mirrors, calls } = setUp();
    mirrors.observed({ kind: 'add', pod: mirrorFor('h1') });
    mirrors.collect((name) => name === 'web_default');
    await settle();
    assert.deepEqual(calls, []);
    mirrors.collect(() => false);
    await settle();
    assert.deepEqual(calls, ['delete /api/v1/namespaces/default/pods/web {"uid":"mirror-of-h1"}']);
    assert.equal(mirrors.size, 0);
  });

  it('say so when something is in the way', async () => {
    const { mirrors, failed, fail } = setUp();
    fail(new KubeError('already-exists', 'exists', { status: 409, reason: 'AlreadyExists' }));
    mirrors.ensure(own);
    await settle();
    assert.deepEqual(failed, ['web_default']);
  });

  it('forget only the mirror that went', () => {
    const { mirrors } = setUp();
    mirrors.observed({ kind: 'add', pod: mirrorFor('h1') });
    mirrors.observed({ kind: 'remove', pod: mirrorFor('h0') });
    assert.equal(mirrors.get('web_default')?.metadata.uid, 'mirror-of-h1');
    mirrors.observed({ kind: 'remove', pod: mirrorFor('h1') });
    assert.equal(mirrors.get('web_default'), undefined);
  });
});
