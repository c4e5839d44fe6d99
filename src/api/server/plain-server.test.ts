import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { listenPlain, type PlainRoutes, type PlainServer } from './plain-server.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

async function plain(routes: PlainRoutes): Promise<PlainServer> {
  const server = await listenPlain(routes, { host: '127.0.0.1', port: 0 });
  open.push(server);
  return server;
}

function dial(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket: Socket = connect(port, '127.0.0.1', () => {
      resolve(socket);
    });
    socket.on('error', () => undefined);
    open.push({ close: () => socket.destroy() });
  });
}

describe('plain servers', () => {
  it('scrapes of a moment share one rendering, the next has its own', async () => {
    let renderings = 0;
    const goOn = Promise.withResolvers<undefined>();
    const server = await plain({
      metrics: () => ({
        contentType: 'text/plain; version=0.0.4',
        pieces: (async function* () {
          renderings += 1;
          yield 'a 1\n';
          await goOn.promise;
          yield `b ${String(renderings)}\n`;
        })(),
      }),
    });
    const scrape = async (): Promise<string> =>
      (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
    const scrapes = Array.from({ length: 10 }, scrape);
    while (server.connections < 10) await new Promise(setImmediate);
    for (let turns = 0; turns < 20; turns += 1) await new Promise(setImmediate);
    goOn.resolve(undefined);
    assert.deepEqual(new Set(await Promise.all(scrapes)), new Set(['a 1\nb 1\n']));
    assert.equal(await scrape(), 'a 1\nb 2\n');
  });

  it('a rendering that fails is an error, and not the next one’s', async () => {
    let fails = true;
    const server = await plain({
      metrics: () => ({
        contentType: 'text/plain',
        // eslint-disable-next-line @typescript-eslint/require-await -- an async iterable of one piece
        pieces: (async function* () {
          if (fails) throw new Error('no');
          yield 'a 1\n';
        })(),
      }),
    });
    assert.equal((await fetch(`http://127.0.0.1:${server.port}/metrics`)).status, 500);
    fails = false;
    assert.equal(await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text(), 'a 1\n');
  });

  it('has room for so many connections, and the oldest go first', async () => {
    const server = await plain({ healthProblems: () => [] });
    const first = await dial(server.port);
    const over = new Promise((resolve) => first.resume().once('close', resolve));
    for (let more = 0; more < 70; more += 1) await dial(server.port);
    await over;
    const answer = await fetch(`http://127.0.0.1:${server.port}/healthz`);
    assert.equal(await answer.text(), 'ok');
    assert.ok(server.connections <= 64, String(server.connections));
  });

  it('closes with connections open, whatever they are used for', async () => {
    const server = await plain({ healthProblems: () => [] });
    const silent = await dial(server.port);
    const half = await dial(server.port);
    half.write('GET /healthz HTTP/1.1\r\nHost:');
    while (server.connections < 2) await new Promise(setImmediate);
    const gone = [silent, half].map(
      (socket) => new Promise((resolve) => socket.resume().once('close', resolve)),
    );
    await server.close();
    await Promise.all(gone);
  });

  it('who is not healthy is alive', async () => {
    const { port } = await plain({ healthProblems: () => ['node a: waits: b runs it'] });
    const ask = async (path: string): Promise<string> => {
      const answer = await fetch(`http://127.0.0.1:${String(port)}${path}`);
      return `${String(answer.status)} ${await answer.text()}`;
    };
    assert.equal(await ask('/healthz'), '500 node a: waits: b runs it\n');
    assert.equal(await ask('/livez'), '200 ok');
  });
});
