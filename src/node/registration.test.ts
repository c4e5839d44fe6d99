import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeClient } from '../kube/client.ts';
import { KubeError, type ErrorKind } from '../model/errors.ts';
import type { KubeNode } from '../model/kube.ts';
import { createOrReconcile } from './registration.ts';

const node = (labels: Record<string, string>): KubeNode => ({
  metadata: { name: 'edge-1', resourceVersion: '1', labels },
  spec: { taints: [], providerID: 'farlet://c/edge-1' },
});
const wanted = node({ zone: 'a' });
const refusal = (kind: ErrorKind, message: string): KubeError =>
  new KubeError(kind, message, { status: 0, reason: '' });
const none = refusal('not-found', 'nodes "edge-1" not found');
const mustNot = refusal('forbidden', 'is not allowed to modify taints');

interface Answers {
  readonly create: KubeError;
  readonly get?: KubeNode;
  readonly patch?: KubeError;
}

async function register({ create, get, patch }: Answers): Promise<{ node: KubeNode; refused: unknown[] }> {
  const refused: unknown[] = [];
  const client: Pick<KubeClient, 'create' | 'get' | 'patch'> = {
    create: () => Promise.reject(create),
    get: <T>() => (get === undefined ? Promise.reject(none) : Promise.resolve(get as T)),
    patch: <T>() => (patch === undefined ? Promise.resolve(wanted as T) : Promise.reject(patch)),
  };
  const { signal } = new AbortController();
  const onRefused = (error: unknown): void => void refused.push(error);
  return { node: await createOrReconcile(client, wanted, { signal, onRefused }), refused };
}

describe('a Node that is registered', () => {
  const exists = refusal('already-exists', 'nodes "edge-1" already exists');

  it('and is there already is made as the configuration has it', async () => {
    assert.deepEqual(await register({ create: exists, get: node({}) }), { node: wanted, refused: [] });
  });

  it('by who may not change it stays as it is, and that is told', async () => {
    const there = node({});
    assert.deepEqual(await register({ create: exists, get: there, patch: mustNot }), {
      node: there,
      refused: [mustNot],
    });
  });

  it('by who may not make it, where there is none: why is told, not that there is none', async () => {
    const labels = refusal('forbidden', 'is not allowed to set the following labels: a.k8s.io/b');
    await assert.rejects(register({ create: labels }), labels);
    await assert.rejects(register({ create: exists }), none);
  });

  it('and can’t be patched for another reason is tried again', async () => {
    const conflict = refusal('conflict', 'the object has been modified');
    await assert.rejects(register({ create: exists, get: node({}), patch: conflict }), conflict);
  });
});
