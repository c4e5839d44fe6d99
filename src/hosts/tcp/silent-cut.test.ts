import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { kindOf } from '../../model/errors.ts';
import { FakeClock } from '../../testing/fixtures.ts';
import { systemClock } from '../../util/clock.ts';
import { endWhenCut } from './silent-cut.ts';

const target = { host: '198.51.100.9', port: 10011 };

function setUp() {
  const clock = new FakeClock();
  const stream = new PassThrough();
  const errors: unknown[] = [];
  stream.on('error', (error) => errors.push(error));
  const idle: PassThrough[] = [];
  endWhenCut(stream, {
    host: 'box',
    target,
    clock,
    open: () => {
      const one = new PassThrough();
      idle.push(one);
      return one;
    },
  });
  const end = async ({ code, connected = true }: { code?: string; connected?: boolean }): Promise<void> => {
    const one = idle.at(-1) ?? assert.fail('none is open');
    if (connected) one.emit('connect');
    const closed = once(one, 'close');
    one.destroy(code === undefined ? undefined : Object.assign(new Error(code), { code }));
    await closed.catch(() => undefined);
    await new Promise(setImmediate);
  };
  return { clock, stream, errors, idle, end };
}

describe('a stream to a host', () => {
  for (const code of ['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'])
    it(`ends when an idle connection beside it ends with ${code}`, async () => {
      const { clock, stream, errors, end } = setUp();
      await end({ code });
      assert.ok(stream.destroyed);
      assert.deepEqual([errors.length, kindOf(errors[0])], [1, 'unavailable']);
      assert.equal(clock.timers, 0);
    });

  const harmless = [
    { what: 'the host ended', how: {} },
    { what: 'the host reset', how: { code: 'ECONNRESET' } },
    { what: 'could not be made', how: { code: 'ETIMEDOUT', connected: false } },
  ];
  for (const { what, how } of harmless)
    it(`outlives an idle connection that ${what}, which is made again`, async () => {
      const { clock, stream, idle, end } = setUp();
      await end(how);
      assert.ok(!stream.destroyed);
      await clock.advance(5_000);
      assert.equal(idle.length, 2);
      await end({ code: 'ETIMEDOUT' });
      assert.ok(stream.destroyed);
    });

  it('takes the idle connection with it when it ends', async () => {
    const { clock, stream, idle } = setUp();
    stream.destroy();
    await once(stream, 'close');
    assert.ok(idle[0]?.destroyed);
    await new Promise(setImmediate);
    assert.deepEqual([clock.timers, idle.length], [0, 1]);
  });

  it('has a connection beside it that says nothing', async () => {
    const said: Buffer[] = [];
    const server = createServer((socket) => socket.on('data', (data) => said.push(data)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const stream = new PassThrough();
    const arrived = once(server, 'connection');
    const { port } = server.address() as AddressInfo;
    endWhenCut(stream, { host: 'box', target: { host: '127.0.0.1', port }, clock: systemClock });
    const [socket] = (await arrived) as [PassThrough];
    stream.destroy();
    await once(socket, 'close');
    assert.deepEqual(said, []);
    server.close();
  });
});
