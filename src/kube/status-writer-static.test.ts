import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KubeError } from '../model/errors.ts';
import type { Pod, PodStatus } from '../model/kube.ts';
import { FakeClock, pod, quietLog, settle } from '../testing/fixtures.ts';
import { StatusWriter } from './status-writer.ts';

const file = { 'kubernetes.io/config.source': 'file' };
const own = pod({ metadata: { uid: 'static', annotations: file } });
const mirror = (uid: string, status: PodStatus = {}, resourceVersion = '1'): Pod =>
  pod({ metadata: { uid, resourceVersion, annotations: { 'kubernetes.io/config.mirror': 'h' } }, status });

function setUp(): { writer: StatusWriter; patches: object[]; refuse: (error: Error | undefined) => void } {
  const patches: object[] = [];
  let refusal: Error | undefined;
  const none = (): Promise<never> => Promise.reject(new Error('not asked for'));
  const writer = new StatusWriter({
    client: {
      get: none,
      create: none,
      replace: none,
      delete: none,
      patch: <T>(_path: string, _type: string, body: object): Promise<T> => {
        patches.push(body);
        if (refusal !== undefined) return Promise.reject(refusal);
        const { metadata, status } = body as { metadata: { uid: string }; status: PodStatus };
        return Promise.resolve(mirror(metadata.uid, status, '2') as T);
      },
    },
    clock: new FakeClock(),
    log: quietLog,
    signal: new AbortController().signal,
    merge: (_api, desired) => desired,
  });
  return { writer, patches, refuse: (error) => (refusal = error) };
}

const running = { status: { phase: 'Running' }, mayRun: true };

describe('the status of a static pod', () => {
  it('waits for the mirror and carries its UID', async () => {
    const { writer, patches } = setUp();
    writer.set(own, running);
    await settle();
    assert.deepEqual(patches, []);
    assert.equal(writer.current('static')?.phase, 'Running');
    writer.mirrored(own, mirror('m1'));
    await settle();
    assert.deepEqual(patches, [{ metadata: { uid: 'm1' }, status: { phase: 'Running' } }]);
  });

  it('keeps the times that a former run has written, and then nothing is to be written', async () => {
    const { writer, patches } = setUp();
    const at = (time: string): PodStatus => ({
      phase: 'Running',
      startTime: time,
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: time }],
    });
    writer.set(own, { status: at('2026-02-02T00:00:00Z'), mayRun: true });
    writer.mirrored(own, mirror('m1', at('2026-01-01T00:00:00Z')));
    await settle();
    assert.deepEqual(patches, []);
    assert.deepEqual(writer.current('static'), at('2026-01-01T00:00:00Z'));
  });

  it('goes to the next mirror when the first is gone', async () => {
    const { writer, patches, refuse } = setUp();
    refuse(new KubeError('not-found', 'gone', { status: 404, reason: 'NotFound' }));
    writer.set(own, running);
    writer.mirrored(own, mirror('m1'));
    await settle();
    refuse(undefined);
    writer.mirrored(own, undefined);
    writer.mirrored(own, mirror('m2'));
    await settle();
    assert.deepEqual(
      patches.map((patch) => (patch as { metadata: { uid: string } }).metadata.uid),
      ['m1', 'm2'],
    );
  });
});
