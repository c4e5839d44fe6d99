import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bearer, kubelet, nobody } from '../../testing/kubelets.ts';
import { FarletError } from '../../model/errors.ts';
import type { Backend } from './backend.ts';
import { kubeletRouter } from './kubelet-router.ts';
import { HttpFault } from '../http/http-fault.ts';

describe('plain requests', () => {
  it('too many to ask about is 429, for tokens and rights alike, and no fault of the caller’s', async () => {
    const busy = (): Promise<never> => Promise.reject(new FarletError('resource-exhausted', 'too many wait'));
    for (const backend of [{ identify: busy }, { isAllowed: busy }]) {
      const server = await kubelet({ backend });
      const client = await server.connect();
      client.ask('GET /configz', [...bearer, 'Connection: close']);
      assert.match(await client.until(), /^HTTP\/1\.1 429 [^]*retry-after: 1\r\n[^]*too many wait\n$/);
    }
  });

  it('what a command says comes as its bytes, and nothing as nothing', async () => {
    let output = Buffer.from('a\xff\x00b', 'latin1');
    const server = await kubelet({ backend: { run: () => Promise.resolve(output) } });
    const ask = async (): Promise<string> => {
      const client = await server.connect();
      client.ask('POST /run/ns/p/c?cmd=x', [...bearer, 'Connection: close']);
      return client.until();
    };
    assert.match(await ask(), /^HTTP\/1\.1 200 [^]*content-type: application\/json\r\n[^]*\r\n\r\na\xff\0b$/);
    output = Buffer.alloc(0);
    const nothing = await ask();
    assert.match(nothing, /^HTTP\/1\.1 200 [^]*\r\n\r\n$/);
    assert.ok(!nothing.includes('content-type'), nothing);
  });

  it('a failed command’s words are bytes, too', async () => {
    const fault = new HttpFault(500, Buffer.from("command 'x' exited with 1: \xff", 'latin1'));
    const server = await kubelet({ backend: { run: () => Promise.reject(fault) } });
    const client = await server.connect();
    client.ask('POST /run/ns/p/c?cmd=x', [...bearer, 'Connection: close']);
    assert.match(await client.until(), /^HTTP\/1\.1 500 [^]*\r\n\r\ncommand 'x' exited with 1: \xff$/);
  });

  it('who takes nothing of an answer is given up, and who has taken it may ask again', async () => {
    const text = 'x'.repeat(64 * 1024 * 1024);
    const router = await kubeletRouter({ readerMs: 200 });
    const server = await kubelet({
      backend: { metrics: () => Promise.resolve({ text, contentType: 'text/plain' }) },
      server: { router },
    });
    const reader = await server.connect();
    reader.ask('GET /configz', bearer);
    await reader.until('{}');
    const sleeper = await server.connect();
    sleeper.socket.pause();
    sleeper.ask('GET /metrics', bearer);
    while (server.connections > 1) await new Promise(setImmediate);
    reader.ask('GET /healthz', [...bearer, 'Connection: close']);
    assert.match(await reader.until(), /200 [^]*HTTP\/1\.1 200 /);
  });

  it('a client that goes while it is asked about has nothing begun for it', async () => {
    const reached = Promise.withResolvers<undefined>();
    const goOn = Promise.withResolvers<undefined>();
    const begun: boolean[] = [];
    const server = await kubelet({
      backend: {
        isAllowed: async () => {
          reached.resolve(undefined);
          await goOn.promise;
          return true;
        },
        run: (_target, _command, { signal }) => {
          begun.push(!signal.aborted);
          return Promise.resolve(Buffer.alloc(0));
        },
      },
    });
    const client = await server.connect();
    client.ask('POST /run/ns/p/c?cmd=x', bearer);
    await reached.promise;
    client.socket.destroy();
    await nobody(server);
    goOn.resolve(undefined);
    for (let turns = 0; turns < 50; turns += 1) await new Promise(setImmediate);
    assert.ok(!begun.includes(true));
  });

  it('logs that are followed have limits of their own, which end with them', async () => {
    const logs: Backend['logs'] = async function* (_target, _query, { signal }) {
      yield Buffer.from('line\n');
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve);
      });
    };
    const limits = { stream: { all: 1, user: 1, pod: 1 }, log: { all: 9, user: 9, pod: 1 } } as never;
    const server = await kubelet({ backend: { logs }, server: { limits } });
    const follow = async (query: string) => {
      const client = await server.connect();
      client.ask(`GET /containerLogs/ns/p/c?${query}`, bearer);
      return { client, answer: await client.until(/line|limit/) };
    };
    const first = await follow('follow=true');
    assert.match(first.answer, /^HTTP\/1\.1 200 /);
    assert.match(
      (await follow('follow=1')).answer,
      /^HTTP\/1\.1 429 [^]*too many followed logs of pod ns\/p: 1 /,
    );
    assert.match((await follow('follow=false')).answer, /^HTTP\/1\.1 200 /);
    first.client.socket.destroy();
    for (let answer = ''; !answer.startsWith('HTTP/1.1 200');) ({ answer } = await follow('follow='));
  });
});
