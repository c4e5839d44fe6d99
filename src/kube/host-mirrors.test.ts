import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Pod } from '../model/kube.ts';
import { HostMirrors } from './host-mirrors.ts';
import { FakeClock, pod, quietLog } from '../testing/fixtures.ts';

const none = (): Promise<never> => Promise.reject(new Error('nothing is to be asked'));
const staticPod = (hash: string): Pod =>
  pod({
    metadata: {
      uid: hash,
      annotations: { 'kubernetes.io/config.hash': hash, 'kubernetes.io/config.source': 'file' },
    },
  });
const mirrorFor = (hash: string): Pod =>
  pod({
    metadata: {
      uid: `mirror-of-${hash}`,
      annotations: { 'kubernetes.io/config.hash': hash, 'kubernetes.io/config.mirror': hash },
    },
    status: { phase: 'Running' },
  });

it('the mirror of a former manifest, and so its status, is not taken for that of the one in its place', () => {
  const own = staticPod('h2');
  const mirrored: (string | undefined)[][] = [];
  const mirrors = new HostMirrors({
    client: { create: none, delete: none, get: none },
    clock: new FakeClock(),
    log: quietLog,
    signal: new AbortController().signal,
    node: () => undefined,
    table: { all: () => [own], findStatic: () => own },
    onMirrored: (pod, mirror) => mirrored.push([pod.metadata.uid, mirror?.metadata.uid]),
    onDue: () => undefined,
  });
  mirrors.observed({ kind: 'update', pod: mirrorFor('h1') });
  mirrors.observed({ kind: 'update', pod: mirrorFor('h2') });
  assert.deepEqual(mirrored, [
    ['h2', undefined],
    ['h2', 'mirror-of-h2'],
  ]);
});
