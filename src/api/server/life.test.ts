import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { FakeClock } from '../../testing/fixtures.ts';
import { lifeOf } from './life.ts';
import { sendPieces } from './send-pieces.ts';

interface Asked {
  readonly response: ServerResponse;
  readonly life: AbortSignal;
}

const REQUEST = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

describe('the life of an answer', () => {
  const ends: (() => unknown)[] = [];
  after(() => {
    for (const end of ends) end();
  });

  /** Two requests on one connection: the second one's answer has no socket until the first has left. */
  async function two(): Promise<{ client: Socket; first: Asked; second: Asked }> {
    const { promise, resolve } = Promise.withResolvers<[Asked, Asked]>();
    const asked: Asked[] = [];
    const server = createServer((_request, response) => {
      asked.push({ response, life: lifeOf(response) });
      const [first, second] = asked;
      if (first !== undefined && second !== undefined) resolve([first, second]);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    ends.push(
      () => client.destroy(),
      () => server.close(),
    );
    client.write(REQUEST + REQUEST);
    const [first, second] = await promise;
    assert.equal(second.response.socket, null);
    return { client, first, second };
  }

  const over = async ({ life }: Asked): Promise<void> => {
    if (!life.aborted) await once(life, 'abort');
  };

  it('is its own, also while the answer before it on the connection has not left', async () => {
    const { first, second } = await two();
    assert.deepEqual([first.life.aborted, second.life.aborted], [false, false]);
    first.response.end('one');
    await over(first);
    assert.equal(second.life.aborted, false);
    second.response.end('two');
    await over(second);
  });

  it('ends with the client, also before the answer could leave', async () => {
    const { client, first, second } = await two();
    const sent = sendPieces(second.response, pieces('two'), { clock: new FakeClock() });
    client.destroy();
    await Promise.all([over(first), over(second), sent]);
    assert.equal(lifeOf(second.response).aborted, true);
  });
});

// eslint-disable-next-line @typescript-eslint/require-await -- an async iterable
async function* pieces(...texts: string[]): AsyncIterable<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}
