import assert from 'node:assert/strict';
import { Duplex, PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { FakeClock } from '../../testing/fixtures.ts';
import { RemoteAgent } from './remote-agent.ts';
import { remoteProgram } from './remote-program.ts';

/** An agent that has greeted, and what its shell says next, in chunks of so many bytes. */
async function setUp() {
  let written = '';
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      written += chunk.toString('latin1');
      done();
    },
  });
  const channel = { stream, stderr: new PassThrough() };
  const agent = new RemoteAgent({ host: 'box', channel, clock: new FakeClock(), onEnd: () => undefined });
  await new Promise((resolve) => setImmediate(resolve));
  const key = written.slice(remoteProgram.length).trim();
  stream.push(`farlet ${key} ready 1 2\n`);
  await agent.ready;
  const say = (bytes: Buffer, size: number): void => {
    for (let at = 0; at < bytes.length; at += size) stream.push(bytes.subarray(at, at + size));
  };
  return { agent, key, say };
}

describe('answers of an agent', () => {
  const payload = (key: string, size: number): Buffer =>
    Buffer.concat([Buffer.alloc(size, 'x'), Buffer.from(`\n${key} 2 ok \n\n${key} `)]);

  for (const size of [1, 2, 3, 7, 40, 41, 64, 1000, 5000, 100_000])
    it(`are whole however they are cut: in chunks of ${String(size)}`, async () => {
      for (const before of [0, 1, 1023, 4000]) {
        const { agent, key, say } = await setUp();
        const [one, two] = [agent.ask([], 1000), agent.ask([], 1000)];
        const first = payload(key, before);
        say(
          Buffer.concat([
            first,
            Buffer.from(`\n${key} 1 ok more\nsecond\n${key} 2 error 3 - no such file\n`),
          ]),
          size,
        );
        assert.deepEqual(await one, { ok: true, payload: first, more: 'more' });
        assert.partialDeepStrictEqual(await two, { ok: false, step: 3, text: 'no such file' });
        agent.close();
      }
    });

  it('that never come to their end are given up', async () => {
    const { agent, key, say } = await setUp();
    const answer = agent.ask([], 1000);
    say(Buffer.from(`\n${key} 1 error ${'x'.repeat(1100 * 1024)}`), 32 * 1024);
    await assert.rejects(answer, /what nobody asked for/);
  });
});
