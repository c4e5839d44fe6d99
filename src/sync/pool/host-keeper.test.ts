import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KubeError } from '../../model/errors.ts';
import type { Pod } from '../../model/kube.ts';
import { FakeClock, pod, quietLog, settle } from '../../testing/fixtures.ts';
import { HostKeeper, type HostKeeperOptions, type KeptHost } from './host-keeper.ts';

const TIMEOUT_MS = 60_000;

interface Kept {
  readonly keeper: HostKeeper;
  readonly clock: FakeClock;
  readonly host: { state: ReturnType<KeptHost['state']>; draining: boolean; pods: Pod[] };
  /** "set p reason", "delete p", "evict p", "reason p" */
  readonly done: string[];
}

function kept(change: Partial<HostKeeperOptions> = {}): Kept {
  const clock = new FakeClock();
  const done: string[] = [];
  const host: Kept['host'] = { state: { at: 'ready' }, draining: false, pods: [running('p')] };
  const note =
    (what: string) =>
    ({ metadata: { name } }: Pod): Promise<void> => {
      done.push(`${what} ${name}`);
      return Promise.resolve();
    };
  const keeper = new HostKeeper({
    timeoutMs: TIMEOUT_MS,
    hosts: [
      { name: 'a', state: () => host.state, isDraining: () => host.draining, pods: () => host.pods },
      { name: 'b', state: () => ({ at: 'ready' }), isDraining: () => false, pods: () => [running('other')] },
    ],
    status: {
      current: () => undefined,
      set: ({ metadata: { name } }, { status }) => {
        const ready = status.conditions?.find(({ type }) => type === 'Ready');
        done.push(`set ${name} ${ready?.status ?? ''} ${ready?.reason ?? ''}`);
      },
    },
    events: {
      event: ({ name = '' }, reason) => {
        done.push(`${reason} ${name}`);
      },
    },
    remove: note('delete'),
    evict: note('evict'),
    clock,
    log: quietLog,
    signal: new AbortController().signal,
    ...change,
  });
  return { keeper, clock, host, done };
}

function running(name: string): Pod {
  return pod({
    metadata: { name, namespace: 'ns', uid: `uid-${name}` },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  });
}

describe('HostKeeper', () => {
  it('marks the pods of a lost host once, and again when it is lost again', () => {
    const { keeper, host, done, clock } = kept();
    keeper.tick();
    assert.deepEqual(done, []);
    host.state = { at: 'lost', since: clock.monotonic(), error: 'gone' };
    keeper.tick();
    keeper.tick();
    assert.deepEqual(done, ['set p False HostLost', 'HostLost p']);
    host.state = { at: 'ready' };
    keeper.tick();
    host.state = { at: 'lost', since: clock.monotonic(), error: 'gone' };
    keeper.tick();
    assert.deepEqual(done.slice(2), ['set p False HostLost', 'HostLost p']);
  });

  it('deletes the pods of a host that is lost for too long, and no others', async () => {
    const { keeper, host, done, clock } = kept();
    host.state = { at: 'lost', since: clock.monotonic(), error: 'gone' };
    await clock.advance(TIMEOUT_MS - 1);
    keeper.tick();
    assert.equal(done.includes('delete p'), false);
    await clock.advance(1);
    keeper.tick();
    await settle();
    assert.deepEqual(done.slice(2), ['delete p', 'HostLostEviction p']);
  });

  it('evicts the pods of a host that is drained, and leaves those of one that does not answer', async () => {
    const { keeper, host, done, clock } = kept();
    host.draining = true;
    keeper.tick();
    keeper.tick();
    await settle();
    assert.deepEqual(done, ['evict p', 'HostDraining p']);
    host.state = { at: 'lost', since: clock.monotonic(), error: 'gone' };
    await clock.advance(30_000);
    keeper.tick();
    assert.equal(done.filter((each) => each === 'evict p').length, 1);
  });

  it('asks again every ten seconds and says why it failed once for each reason', async () => {
    let why = 'budget';
    let asked = 0;
    const { keeper, host, done, clock } = kept({
      evict: () => {
        asked += 1;
        return Promise.reject(
          new KubeError('resource-exhausted', why, { status: 429, reason: 'TooManyRequests' }),
        );
      },
    });
    host.draining = true;
    const seconds = async (count: number): Promise<void> => {
      for (let second = 0; second < count; second += 2) {
        keeper.tick();
        await settle();
        await clock.advance(2_000);
      }
    };
    await seconds(40);
    assert.equal(asked, 4);
    assert.deepEqual(done, ['HostEvictionFailed p']);
    why = 'another';
    await seconds(20);
    assert.deepEqual(done, ['HostEvictionFailed p', 'HostEvictionFailed p']);
  });
});
