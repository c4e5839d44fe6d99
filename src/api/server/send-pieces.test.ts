import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { FakeClock } from '../../testing/fixtures.ts';
import { READER_MS, sendPieces, toldErrors } from './send-pieces.ts';

type Answer = (response: ServerResponse) => Promise<void>;

describe('answers in pieces', () => {
  const servers: ReturnType<typeof createServer>[] = [];
  after(() => {
    for (const server of servers) server.close();
  });

  /** Asks a server that answers so; the answer's bytes come as they come. */
  async function ask(answer: Answer): Promise<Socket> {
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'transfer-encoding': 'chunked' }).flushHeaders();
      void answer(response);
    });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    return socket;
  }

  async function textOf(socket: Socket): Promise<string> {
    let text = '';
    for await (const chunk of socket as AsyncIterable<Buffer>) text += chunk.toString();
    return text.slice(text.indexOf('\r\n\r\n') + 4);
  }

  it('write each piece when the one before has left, and end only then', async () => {
    const order: string[] = [];
    const socket = await ask(async (response) => {
      const [write, end] = [response.write.bind(response), response.end.bind(response)];
      response.write = ((piece: Buffer, done: (error?: Error | null) => void) => {
        order.push(`write ${String(piece)}`);
        return write(piece, 'latin1', (error) => {
          order.push(`left ${String(piece)}`);
          done(error);
        });
      }) as typeof response.write;
      response.end = (() => {
        order.push('end');
        return end();
      }) as typeof response.end;
      await sendPieces(response, pieces('a', '', 'b'), { clock: new FakeClock() });
    });
    assert.equal(await textOf(socket), '1\r\na\r\n1\r\nb\r\n0\r\n\r\n');
    assert.deepEqual(order, ['write a', 'left a', 'write b', 'left b', 'end']);
  });

  it('tell what goes wrong where the log would be, unless the client has gone', async () => {
    for (const [signal, expect] of [
      [new AbortController().signal, '1\r\na\r\n6\r\nbroken\r\n0\r\n\r\n'],
      [AbortSignal.abort(), '1\r\na\r\n0\r\n\r\n'],
    ] as const) {
      const socket = await ask((response) =>
        sendPieces(response, toldErrors(failing('a'), { signal }), { clock: new FakeClock() }),
      );
      assert.equal(await textOf(socket), expect);
    }
  });

  it('do not look whole where less came than was announced', async () => {
    const socket = await ask((response) =>
      sendPieces(response, pieces('ab'), { clock: new FakeClock(), length: 3 }),
    );
    assert.equal(await textOf(socket), '2\r\nab\r\n');
  });

  it('give up a reader that takes nothing, and let go of what they read from', async () => {
    const clock = new FakeClock();
    const released = Promise.withResolvers<number>();
    const full = Promise.withResolvers<undefined>();
    const socket = await ask(async (response) => {
      await sendPieces(response, endless(released, full), { clock });
    });
    socket.pause();
    await full.promise;
    assert.equal(clock.timers, 1);
    await clock.advance(READER_MS - 1);
    assert.equal(socket.destroyed, false);
    await clock.advance(1);
    const bytes = await released.promise;
    assert.ok(bytes < 64 * 1024 * 1024);
    assert.equal(clock.timers, 0);
    socket.destroy();
  });

  it('let go when the client goes', async () => {
    const released = Promise.withResolvers<number>();
    const full = Promise.withResolvers<undefined>();
    const clock = new FakeClock();
    const socket = await ask((response) => sendPieces(response, endless(released, full), { clock }));
    socket.pause();
    await full.promise;
    socket.destroy();
    await released.promise;
    assert.equal(clock.timers, 0);
  });
});

// eslint-disable-next-line @typescript-eslint/require-await -- an async iterable of what is there
async function* pieces(...texts: string[]): AsyncIterable<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

async function* failing(...texts: string[]): AsyncIterable<Buffer> {
  yield* pieces(...texts);
  throw new Error('broken');
}

/**
 * Says `full` when no piece has been asked for in a while of turns, and with `released` how much it gave when
 * it is let go.
 */
async function* endless(
  released: PromiseWithResolvers<number>,
  full: PromiseWithResolvers<undefined>,
): AsyncGenerator<Buffer> {
  const block = Buffer.alloc(256 * 1024);
  let given = 0;
  try {
    for (;;) {
      await Promise.resolve();
      given += block.length;
      const mark = given;
      waitTurns(200, () => {
        if (given === mark) full.resolve(undefined);
      });
      yield block;
    }
  } finally {
    released.resolve(given);
  }
}

function waitTurns(turns: number, then: () => void): void {
  if (turns === 0) then();
  else setImmediate(waitTurns, turns - 1, then);
}
