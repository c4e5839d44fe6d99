import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FarletError, KubeError } from '../model/errors.ts';
import type { Lease } from '../model/kube.ts';
import { FakeClock, quietLog, settle } from '../testing/fixtures.ts';
import { ownerKeys } from './owner-claim.ts';
import { LostOwnership } from './node-claim.ts';
import { Ownership, type OwnershipOptions } from './ownership.ts';
import { Beat } from '../util/beat.ts';

/** One lease on an API server that can be away. */
class Server {
  away = false;
  calls = 0;
  #lease: Lease | undefined;
  #version = 0;

  get lease(): Lease | undefined {
    return this.#lease;
  }

  owner(): string | undefined {
    return this.#lease?.metadata?.annotations?.[ownerKeys.owner];
  }

  /** What anybody may do to it. */
  put(lease: Lease | undefined): void {
    this.#version += 1;
    this.#lease =
      lease === undefined
        ? undefined
        : { ...lease, metadata: { ...lease.metadata, resourceVersion: String(this.#version) } };
  }

  async get<T>(): Promise<T> {
    await this.#reached();
    if (this.#lease === undefined) throw refusal('not-found', 404);
    return this.#lease as unknown as T;
  }

  async create<T>(_path: string, body: object): Promise<T> {
    await this.#reached();
    if (this.#lease !== undefined) throw refusal('already-exists', 409);
    this.put(body);
    return this.#lease as unknown as T;
  }

  async replace<T>(_path: string, body: object): Promise<T> {
    await this.#reached();
    if (this.#lease === undefined) throw refusal('not-found', 404);
    if ((body as Lease).metadata?.resourceVersion !== this.#lease.metadata?.resourceVersion)
      throw refusal('conflict', 409);
    this.put(body);
    return this.#lease as unknown as T;
  }

  async #reached(): Promise<void> {
    this.calls += 1;
    await Promise.resolve();
    if (this.away) throw refusal('unavailable', 0);
  }
}

function refusal(
  kind: 'not-found' | 'conflict' | 'already-exists' | 'unavailable',
  status: number,
): KubeError {
  return new KubeError(kind, kind, { status, reason: kind });
}

/** A clock for both sorts of time, which a test may set apart. */
class TwoClocks extends FakeClock {
  aheadMs = 0;
  override now(): number {
    return super.now() + this.aheadMs;
  }
}

function setUp() {
  const server = new Server();
  const clock = new TwoClocks();
  const over = new Set<string>();
  const told: string[] = [];
  const start = (name: string, change: Partial<OwnershipOptions> = {}) => {
    const stop = new AbortController();
    const own = new Ownership({
      client: server,
      beat: new Beat(clock, 0),
      clock,
      log: quietLog,
      node: 'n',
      me: { name, process: `process of ${name}` },
      durationSeconds: 40,
      isOver: (process) => over.has(process),
      mayBeginUnasked: false,
      onWaiting: (owner) => told.push(`${name} waits for ${owner}`),
      ...change,
    });
    const state: { at: string; error?: unknown } = { at: 'waiting' };
    const { signal } = stop;
    const life = own.acquire({ signal }).then(async () => {
      state.at = 'running';
      await own.keep({ signal });
    });
    life.catch((error: unknown) => {
      state.at = 'ended';
      state.error = error;
    });
    const end = async (): Promise<void> => {
      stop.abort(new FarletError('cancelled', 'SIGTERM'));
      await own.release({ signal: new AbortController().signal });
    };
    return {
      own,
      state,
      end,
      freeze: () => {
        stop.abort(new Error('frozen'));
      },
    };
  };
  const seconds = async (count: number): Promise<void> => {
    for (let passed = 0; passed < count; passed += 1) await clock.advance(1_000);
  };
  return { server, clock, over, told, start, seconds };
}

/** A farlet that had the node, and its Node, and has stopped in order. */
async function formerOwner({
  start,
  seconds,
}: Pick<ReturnType<typeof setUp>, 'start' | 'seconds'>): Promise<void> {
  const { own, end } = start('a');
  await settle();
  own.nodeIs('uid-1');
  await seconds(1);
  await end();
}

describe('one farlet', () => {
  it('has its node at once, and renews every quarter of the lease', async () => {
    const { server, start, seconds } = setUp();
    const { own, state } = start('a');
    await settle();
    assert.equal(state.at, 'running');
    assert.equal(server.owner(), 'a');
    assert.equal(own.problem(), undefined);
    const before = server.calls;
    await seconds(105);
    assert.equal(server.calls - before, 10);
  });

  it('tells of its Node at once, and that it is gone', async () => {
    const { server, start } = setUp();
    const { own } = start('a');
    await settle();
    const told = (): unknown => {
      const { metadata, spec } = server.lease ?? {};
      return { belongsTo: metadata?.ownerReferences?.[0]?.uid, beats: spec?.renewTime !== undefined };
    };
    assert.deepEqual(told(), { belongsTo: undefined, beats: false });
    own.nodeIs('uid-1');
    await settle();
    assert.deepEqual(told(), { belongsTo: 'uid-1', beats: true });
    own.nodeIs(undefined);
    await settle();
    assert.deepEqual(told(), { belongsTo: undefined, beats: true });
    assert.equal(server.owner(), 'a');
  });

  it('carries on the heartbeat of the one before while it looks for the Node, but not for ever', async () => {
    const { server, start, seconds } = setUp();
    await formerOwner({ start, seconds });
    const beat = (): unknown => server.lease?.spec?.renewTime;
    const last = beat();
    await seconds(5);
    const second = start('b');
    await settle();
    const begun = beat();
    assert.notEqual(begun, last);
    await seconds(79);
    const carried = beat();
    assert.notEqual(carried, begun);
    await seconds(20);
    const ended = beat();
    await seconds(60);
    assert.equal(beat(), ended);
    assert.equal(second.state.at, 'running');
    second.own.nodeIs('uid-1');
    await settle();
    assert.notEqual(beat(), ended);
  });

  it('does not carry it on for a Node that turns out to be gone', async () => {
    const { server, start, seconds } = setUp();
    await formerOwner({ start, seconds });
    const { own } = start('b');
    await settle();
    own.nodeIs(undefined);
    const last = server.lease?.spec?.renewTime;
    await seconds(60);
    assert.equal(server.lease?.spec?.renewTime, last);
  });

  it('makes its lease anew when that is deleted, and keeps what others write to it', async () => {
    const { server, start, seconds } = setUp();
    const { state } = start('a');
    await settle();
    server.put(undefined);
    await seconds(12);
    assert.equal(server.owner(), 'a');
    const annotations = { ...server.lease?.metadata?.annotations, theirs: 'x' };
    server.put({ ...server.lease, metadata: { ...server.lease?.metadata, annotations } });
    await seconds(12);
    assert.equal(server.lease?.metadata?.annotations?.theirs, 'x');
    assert.equal(state.at, 'running');
  });

  it('waits for an API server that is away, and says so', async () => {
    const { server, start, seconds } = setUp();
    server.away = true;
    const { own, state } = start('a');
    await seconds(100);
    assert.equal(state.at, 'waiting');
    assert.match(own.problem() ?? '', /its lease could not be taken: unavailable/);
    server.away = false;
    await seconds(8);
    assert.equal(state.at, 'running');
  });
});

describe('the farlet that comes later', () => {
  it('waits, says so, and has the node seconds after the first has let go', async () => {
    const { server, told, start, seconds } = setUp();
    const first = start('a');
    await settle();
    const second = start('b');
    await seconds(300);
    assert.equal(second.state.at, 'waiting');
    assert.equal(second.own.problem(), 'waits: a runs it');
    assert.deepEqual(told, ['b waits for a']);
    await first.end();
    assert.equal(server.owner(), '');
    await seconds(3);
    assert.equal(second.state.at, 'running');
    assert.equal(server.owner(), 'b');
  });

  it('says so again after a while', async () => {
    const { told, start, seconds } = setUp();
    start('a');
    await settle();
    start('b');
    await seconds(1_250);
    assert.deepEqual(told, ['b waits for a', 'b waits for a', 'b waits for a']);
  });

  it('has it once the lease of one that vanished is over', async () => {
    const { start, seconds } = setUp();
    const first = start('a');
    await settle();
    const second = start('b');
    await seconds(1);
    first.freeze();
    await seconds(38);
    assert.equal(second.state.at, 'waiting');
    await seconds(4);
    assert.equal(second.state.at, 'running');
  });

  it('has it at once when the first is known to have ended', async () => {
    const { over, start, seconds } = setUp();
    const first = start('a');
    await settle();
    first.freeze();
    over.add('process of a');
    const second = start('b');
    await settle();
    assert.equal(second.state.at, 'running');
    const third = start('c');
    await seconds(50);
    assert.equal(third.state.at, 'waiting');
  });

  it('does not take for silence what it could not see', async () => {
    const { server, start, seconds } = setUp();
    const first = start('a');
    await settle();
    const second = start('b');
    await seconds(5);
    server.away = true;
    await seconds(300);
    server.away = false;
    await seconds(60);
    assert.equal(first.state.at, 'running');
    assert.equal(second.state.at, 'waiting');
  });

  it('is one of two that get it, whichever is quicker', async () => {
    const { server, start, seconds } = setUp();
    const both = [start('a'), start('b')];
    await seconds(5);
    assert.deepEqual(both.map(({ state }) => state.at).sort(), ['running', 'waiting']);
    const [running] = both.filter(({ state }) => state.at === 'running');
    await running?.end();
    await seconds(5);
    assert.equal(server.owner(), running === both[0] ? 'b' : 'a');
  });
});

/** What may be done: true at once, false not, a promise if it is to be asked first. */
function mayAct(fence: { pass(): Promise<void> | undefined }): boolean | Promise<boolean> {
  try {
    return (
      fence.pass()?.then(
        () => true,
        () => false,
      ) ?? true
    );
  } catch {
    return false;
  }
}

describe('the lease of a Node', () => {
  it('goes after the Node, once farlet has stopped', async () => {
    const { server, start, seconds } = setUp();
    const { own, end } = start('a');
    await settle();
    const owners = (): (string | undefined)[] =>
      (server.lease?.metadata?.ownerReferences ?? []).map(({ uid }) => uid);
    own.nodeIs('uid-1');
    await seconds(1);
    assert.deepEqual(owners(), ['uid-1']);
    own.nodeIs(undefined);
    await seconds(1);
    // or it would be collected while farlet holds the node by it
    assert.deepEqual(owners(), []);
    await end();
    assert.equal(server.owner(), '');
    assert.deepEqual(owners(), ['uid-1']);
  });
});

describe('what is done for a node', () => {
  it('ends at once when another has it, whatever asks first', async () => {
    const { server, start, seconds } = setUp();
    const { own, state } = start('a');
    await settle();
    assert.equal(mayAct(own.api), true);
    assert.equal(mayAct(own.host), true);
    const annotations = { [ownerKeys.owner]: 'b', [ownerKeys.renewed]: 'now' };
    server.put({ ...server.lease, metadata: { ...server.lease?.metadata, annotations } });
    await seconds(12);
    assert.equal(mayAct(own.api), false);
    assert.equal(mayAct(own.host), false);
    assert.ok(state.error instanceof LostOwnership);
    assert.match(state.error.message, /node n is run by b now/);
    assert.match(own.problem() ?? '', /run by b/);
    await own.release({ signal: new AbortController().signal });
    assert.equal(server.owner(), 'b');
  });

  for (const asleep of ['the process', 'the machine'] as const)
    it(`is asked for first after ${asleep} has slept`, async () => {
      const { server, clock, start } = setUp();
      const { own, state } = start('a');
      await settle();
      const annotations = { [ownerKeys.owner]: 'b', [ownerKeys.renewed]: 'now' };
      server.put({ ...server.lease, metadata: { ...server.lease?.metadata, annotations } });
      // no timer has fired yet: time alone has passed
      clock.aheadMs = 60_000;
      const [api, host] = [mayAct(own.api), mayAct(own.host)];
      assert.equal(await api, false);
      assert.equal(await host, false);
      await settle();
      assert.equal(state.at, 'ended', asleep);
    });

  it('goes on after a sleep in which nobody has taken it', async () => {
    const { clock, start } = setUp();
    const { own } = start('a');
    await settle();
    clock.aheadMs = 60_000;
    assert.equal(await mayAct(own.host), true);
    assert.equal(mayAct(own.api), true);
  });

  it('goes on on its hosts while the API server is away, and nowhere else', async () => {
    const { server, start, seconds } = setUp();
    const { own, state } = start('a');
    await settle();
    server.away = true;
    await seconds(120);
    assert.equal(mayAct(own.host), true);
    assert.equal(await mayAct(own.api), false);
    assert.equal(state.at, 'running');
    server.away = false;
    await seconds(8);
    assert.equal(mayAct(own.api), true);
  });

  it('ends with the API server’s being back, if another has taken the node meanwhile', async () => {
    const { server, start, seconds } = setUp();
    const { own, state } = start('a');
    await settle();
    server.away = true;
    await seconds(120);
    server.away = false;
    const annotations = { [ownerKeys.owner]: 'b', [ownerKeys.renewed]: 'now' };
    server.put({ ...server.lease, metadata: { ...server.lease?.metadata, annotations } });
    assert.equal(await mayAct(own.api), false);
    assert.equal(mayAct(own.host), false);
    await settle();
    assert.ok(state.error instanceof LostOwnership);
  });

  it('is over once the node is let go', async () => {
    const { start } = setUp();
    const { own, end } = start('a');
    await settle();
    await end();
    assert.equal(mayAct(own.api), false);
    assert.equal(mayAct(own.host), false);
  });
});

describe('a node with static pods', () => {
  it('begins while nobody can be asked, and has the lease as soon as somebody can', async () => {
    const { server, start, seconds } = setUp();
    server.away = true;
    const { own, state } = start('a', { mayBeginUnasked: true });
    await settle();
    assert.equal(state.at, 'running');
    assert.equal(mayAct(own.host), true);
    assert.equal(await mayAct(own.api), false);
    await seconds(60);
    server.away = false;
    await seconds(8);
    assert.equal(server.owner(), 'a');
    assert.equal(mayAct(own.api), true);
  });

  it('ends if it turns out to be another’s', async () => {
    const { server, start, seconds } = setUp();
    start('b');
    await settle();
    server.away = true;
    const { state } = start('a', { mayBeginUnasked: true });
    await settle();
    assert.equal(state.at, 'running');
    server.away = false;
    await seconds(8);
    assert.ok(state.error instanceof LostOwnership);
    assert.equal(server.owner(), 'b');
  });

  it('is one of two that begin at once: the slower has been told whose it is', async () => {
    const { start, seconds } = setUp();
    const both = ['a', 'b'].map((name) => start(name, { mayBeginUnasked: true }));
    await seconds(5);
    assert.deepEqual(both.map(({ state }) => state.at).sort(), ['running', 'waiting']);
  });

  it('waits if it is another’s and that can be asked', async () => {
    const { server, start, seconds } = setUp();
    start('b');
    await settle();
    const { state } = start('a', { mayBeginUnasked: true });
    await seconds(5);
    server.away = true;
    await seconds(5);
    assert.equal(state.at, 'waiting');
  });
});
