import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KubeError } from '../model/errors.ts';
import { FakeClock, pod, quietLog } from '../testing/fixtures.ts';
import type { KubeClient } from './client.ts';
import { Tokens } from './tokens.ts';

function tokens(lifeSeconds: number) {
  const clock = new FakeClock();
  const asked: unknown[] = [];
  const told: string[] = [];
  const world = { down: false };
  const client: Partial<KubeClient> = {
    create: <T>(_path: string, body: object) => {
      if (world.down)
        return Promise.reject(
          new KubeError('unavailable', 'down', { status: 0, reason: 'ServiceUnavailable' }),
        );
      asked.push(body);
      const expirationTimestamp = new Date(clock.now() + lifeSeconds * 1000).toISOString();
      return Promise.resolve({ status: { token: `t${asked.length}`, expirationTimestamp } } as T);
    },
  };
  const onRequest = (result: string): unknown => told.push(result);
  const shared = { clock, log: quietLog, random: () => 0, onRequest };
  const made = new Tokens({ ...shared, client: client as KubeClient });
  const get = (): Promise<{ token: string; renewAt: number }> =>
    made.get(
      { pod: pod(), serviceAccountName: 'default', audience: 'me', expirationSeconds: lifeSeconds },
      { signal: new AbortController().signal },
    );
  return { clock, asked, told, get, made, world };
}

describe('service account tokens', () => {
  it('are bound to the pod and asked for once', async () => {
    const { asked, get } = tokens(600);
    await get();
    assert.equal((await get()).token, 't1');
    assert.deepEqual(asked, [
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          audiences: ['me'],
          expirationSeconds: 600,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'uid-web' },
        },
      },
    ]);
  });

  it('are told of by how the request ended, those that are held not again', async () => {
    const { clock, told, get, world } = tokens(600);
    await get();
    await get();
    world.down = true;
    await clock.advance(500_000);
    await get();
    await clock.advance(200_000);
    await assert.rejects(get());
    assert.deepEqual(told, ['issued', 'failed', 'failed']);
  });

  const rows: [lifeSeconds: number, renewedAfterMs: number][] = [
    [600, 480_000],
    [3607, 2_885_600],
    [7 * 86_400, 86_400_000],
  ];
  for (const [life, after] of rows)
    it(`that live ${String(life)} s are renewed after ${String(after)} ms`, async () => {
      const { clock, get } = tokens(life);
      const { renewAt } = await get();
      assert.equal(renewAt - clock.now(), after);
      await clock.advance(after - 1);
      assert.equal((await get()).token, 't1');
      await clock.advance(1);
      assert.equal((await get()).token, 't2');
    });

  it('are used until they expire if no new one can be had', async () => {
    const { clock, get, world } = tokens(600);
    await get();
    world.down = true;
    await clock.advance(480_000);
    assert.equal((await get()).token, 't1');
    await clock.advance(120_000);
    await assert.rejects(get(), { message: 'down' });
  });

  it('go with their pod', async () => {
    const { get, made } = tokens(600);
    await get();
    made.forget('uid-web');
    assert.equal((await get()).token, 't2');
  });
});
