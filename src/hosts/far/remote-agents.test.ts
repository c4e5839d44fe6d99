import assert from 'node:assert/strict';
import { Duplex, PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { FakeClock } from '../../testing/fixtures.ts';
import type { ShellChannel } from './remote-agent.ts';
import type { Pace } from '../link/host-request.ts';
import { RemoteAgents } from './remote-agents.ts';
import { remoteProgram } from './remote-program.ts';

const { signal } = new AbortController();
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** processes that were killed */
const reaped: string[] = [];
/** what shells were asked, in its order */
const asked: string[] = [];

/**
 * A shell that greets and answers every request at once but those that hang, or says what it should not have
 * said behind its greeting.
 */
function shell(afterGreeting = '', process = ''): ShellChannel {
  let key: string | undefined;
  let seen = '';
  let hangs = false;
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      seen += chunk.toString();
      if (key === undefined && seen.length > remoteProgram.length && seen.endsWith('\n')) {
        key = seen.slice(remoteProgram.length).trim();
        stream.push(`farlet ${key} ready${process}\n${afterGreeting}`);
      }
      const sequence = new RegExp(`^${String(key)} end (\\d+)\n$`).exec(chunk.toString())?.[1];
      hangs ||= chunk.includes(' hang ');
      const killed = / reap 0 (.*)\n$/.exec(chunk.toString())?.[1];
      if (killed !== undefined) reaped.push(killed);
      const verb = key === undefined ? undefined : /^\S+ (\w+) 0/.exec(chunk.toString())?.[1];
      if (verb !== undefined) asked.push(verb);
      if (sequence !== undefined && !hangs) stream.push(`\n${String(key)} ${sequence} ok \n`);
      done();
    },
  });
  return { stream, stderr: new PassThrough() };
}

/** A shell that says nothing. */
function mute(): ShellChannel {
  const stream = new Duplex({
    read: () => undefined,
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  return { stream, stderr: new PassThrough() };
}

/**
 * Opens as told, one after the other; whoever asks for more than is listed ends it all, as nothing else
 * could.
 */
function setUp(...opens: (() => Promise<ShellChannel> | ShellChannel)[]) {
  const state = { opened: 0 };
  const clock = new FakeClock();
  const told: string[] = [];
  reaped.length = 0;
  asked.length = 0;
  const agents: RemoteAgents = new RemoteAgents({
    host: 'box',
    clock,
    onRequest: ({ pace, seconds, answered }) => told.push(`${pace} ${seconds} ${answered}`),
    open: async () => {
      const open = opens[state.opened];
      state.opened += 1;
      if (open !== undefined) return open();
      agents.close();
      throw new Error('opened more often than expected');
    },
  });
  const ask = (pace: Pace = 'slow', verb = 'sync'): Promise<string> =>
    agents.ask([{ verb, args: [] }], { signal, pace }).then(
      ({ ok }) => (ok ? 'done' : 'error'),
      (error: unknown) => (error as Error).message,
    );
  return { agents, ask, state, clock, reaped, told };
}

describe('the agents of a host', () => {
  const down = (): Promise<ShellChannel> => Promise.reject(new Error('the link is down'));

  it('are not tried for over and over when several fail at once', async () => {
    const { ask, state } = setUp(down, down, down);
    assert.deepEqual(await Promise.all([ask(), ask(), ask()]), Array(3).fill('the link is down'));
    assert.equal(state.opened, 3);
  });

  it('may be as many as before once the link is back', async () => {
    const { ask, state, agents } = setUp(down, down, shell, shell);
    await Promise.all([ask(), ask()]);
    assert.deepEqual(await Promise.all([ask(), ask()]), ['done', 'done']);
    assert.equal(state.opened, 4);
    agents.close();
  });

  it('do without one more that the host refuses', async () => {
    const { ask, state, agents } = setUp(down, shell);
    assert.deepEqual(await Promise.all([ask(), ask()]), ['done', 'done']);
    assert.equal(state.opened, 2);
    agents.close();
  });

  for (const [pace, others] of [
    ['hangs', ['risky', 'slow', 'quick']],
    ['risky', ['hangs', 'slow', 'quick']],
    ['slow', ['bulk', 'quick']],
    ['brief', ['bulk', 'quick']],
    ['bulk', ['hangs', 'risky', 'slow', 'quick']],
  ] as const)
    it(`are left for what is ${others.join(' or ')} by what ${pace === 'slow' ? 'is slow' : pace}`, async () => {
      const { ask, agents, state } = setUp(...Array<() => ShellChannel>(6).fill(shell));
      const hanging = Array.from({ length: 10 }, () => ask(pace, 'hang'));
      for (const other of others)
        assert.deepEqual(await Promise.all([ask(other), ask(other)]), ['done', 'done']);
      assert.ok(state.opened <= 6);
      agents.close();
      assert.equal((await Promise.all(hanging)).length, 10);
    });

  it('tell of each request how long it took, and whether it was answered', async () => {
    const { ask, agents, clock, told } = setUp(() => shell('', ' 17 99'), shell, shell);
    await ask('slow');
    const stuck = ask('risky', 'hang');
    for (let turns = 0; turns < 20; turns += 1) await turn();
    await clock.advance(20_000);
    await stuck;
    agents.close();
    assert.deepEqual(told.slice(0, 2), ['slow 0 true', 'risky 20 false']);
  });

  it('do what may hang too, where there is but one', async () => {
    const { ask, agents } = setUp(shell, down, down, down, down);
    const all = [ask('hangs'), ask('bulk'), ask('slow'), ask('quick'), ask('bulk')];
    assert.deepEqual(await Promise.all(all), Array(5).fill('done'));
    agents.close();
  });

  it('are given up for what is stuck in them alone', async () => {
    const { ask, agents, clock, state, reaped } = setUp(() => shell('', ' 17 99'), shell);
    const [stuck, behind] = [ask('quick', 'hang'), ask('quick')];
    for (let turns = 0; turns < 20; turns += 1) await turn();
    await clock.advance(29_000);
    const late = ask('quick');
    await clock.advance(1_000);
    assert.equal(await stuck, 'box: no answer within 30s');
    assert.deepEqual(await Promise.all([behind, late]), ['done', 'done']);
    assert.equal(state.opened, 2);
    assert.deepEqual(reaped, ['17 99']);
    agents.close();
  });

  describe('of brief changes', () => {
    const turns = async (): Promise<void> => {
      for (let count = 0; count < 30; count += 1) await turn();
    };

    it('have several on their way, and one is left for what is quick', async () => {
      const { ask, agents, state } = setUp(...Array<() => ShellChannel>(6).fill(shell));
      const stuck = Array.from({ length: 100 }, () => ask('brief', 'hang'));
      await turns();
      assert.equal(await ask('quick'), 'done');
      assert.equal(asked.filter((verb) => verb === 'hang').length, 5 * 8);
      assert.equal(state.opened, 6);
      agents.close();
      await Promise.all(stuck);
    });

    it('get no more while they do not answer', async () => {
      const { ask, agents, clock } = setUp(...Array<() => ShellChannel>(6).fill(shell));
      const stuck: Promise<string>[] = [];
      for (let each = 0; each < 10; each += 1) {
        stuck.push(ask('brief', 'hang'));
        await turns();
      }
      await clock.advance(3_000);
      stuck.push(ask('brief', 'sync'));
      await turns();
      assert.equal(asked.filter((verb) => verb === 'sync').length, 0);
      agents.close();
      await Promise.all(stuck);
    });

    it('that got stuck are killed before what was behind is asked again', async () => {
      const { ask, agents, clock } = setUp(() => shell('', ' 17 99'), shell);
      const stuck = ask('brief', 'hang');
      await turns();
      const behind = ask('brief', 'sync');
      await turns();
      assert.deepEqual(asked, ['hang', 'sync']);
      await clock.advance(120_000);
      assert.deepEqual([await stuck, await behind], ['box: no answer within 120s', 'done']);
      assert.deepEqual([asked, reaped], [['hang', 'sync', 'reap', 'sync'], ['17 99']]);
      agents.close();
    });

    it('that got stuck and can not be killed do not let what was behind come twice', async () => {
      const { ask, agents, clock } = setUp(shell, shell);
      const stuck = ask('brief', 'hang');
      await turns();
      const behind = ask('brief', 'sync');
      await turns();
      await clock.advance(120_000);
      assert.deepEqual([await stuck, await behind], Array(2).fill('box: no answer within 120s'));
      agents.close();
    });

    it('do not keep anything else waiting for ever', async () => {
      const { ask, agents } = setUp(shell, down, down);
      const waiting = [ask('brief', 'hang')];
      await turns();
      waiting.push(ask('brief', 'first'));
      await turns();
      waiting.push(ask('quick', 'other'), ask('brief', 'second'));
      await turns();
      assert.deepEqual(asked, ['hang', 'first']);
      agents.close();
      await Promise.all(waiting);
    });
  });

  it('bring much side by side, two at most', async () => {
    const { agents, state } = setUp(...Array<() => ShellChannel>(6).fill(shell));
    const control = new AbortController();
    const step = { verb: 'hang', args: ['', ''] };
    const wanted = Array.from({ length: 8 }, () =>
      agents.ask([step], { signal: control.signal, pace: 'bulk' }).catch((error: unknown) => error),
    );
    for (let turns = 0; turns < 20; turns += 1) await turn();
    assert.equal(state.opened, 2);
    control.abort(new Error('nobody reads it any more'));
    // nobody need wait for their end
    assert.equal(new Set((await Promise.all(wanted)).map(String)).size, 1);
    agents.close();
  });

  for (const [name, at] of [
    ['being asked for', 'asked'],
    ['yet to greet', 'greeting'],
  ] as const)
    it(`one that is ${name} when all are closed is closed as well`, async () => {
      const asked = Promise.withResolvers<undefined>();
      const channel = at === 'greeting' ? mute() : shell();
      const { ask, agents } = setUp(async () => {
        if (at === 'asked') await asked.promise;
        return channel;
      });
      const answer = ask();
      await turn();
      agents.close();
      asked.resolve(undefined);
      assert.equal(await answer, 'the link is closed');
      while (!channel.stream.destroyed) await turn();
    });

  it('are not asked if they ended as they greeted', async () => {
    const { ask, agents } = setUp(() => shell('what nobody asked for'), shell);
    assert.match(await ask(), /^box: /);
    await turn();
    assert.equal(await ask(), 'done');
    agents.close();
  });
});
