import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { observeRequests, requestLabels, type RequestLabels } from './observe-requests.ts';

describe('labels of a request', () => {
  const rows = [
    ['GET', '/pods', 'GET', 'pods', 'false'],
    ['GET', '/metrics', 'GET', 'metrics', 'false'],
    ['GET', '/metrics/resource', 'GET', 'metrics/resource', 'false'],
    ['GET', '/metrics/made-up', 'GET', 'other', 'false'],
    ['POST', '/exec/default/web/c', 'POST', 'exec', 'true'],
    ['POST', '/portForward/default/web', 'POST', 'portForward', 'false'],
    ['PROPFIND', '/made-up', 'other', 'other', 'false'],
    ['GET', '//metrics', 'GET', 'other', 'false'],
    ['GET', '', 'GET', 'other', 'false'],
  ] as const;
  for (const [method, path, label, root, long] of rows)
    it(`${method} ${path}`, () => {
      const labels = requestLabels(method, path);
      assert.deepEqual([labels.method, labels.path, labels.long_running], [label, root, long]);
    });
});

describe('requests', () => {
  it('are told of when they come and when they are over, streams too', async () => {
    const told: string[] = [];
    const server = createServer((_request, response) => response.end('x'));
    const over = Promise.withResolvers<undefined>();
    const tell = (what: string, { path }: RequestLabels): void => {
      if (told.push(`${path} ${what}`) === 4) over.resolve(undefined);
    };
    observeRequests(server, {
      observer: {
        began: (labels) => {
          tell('began', labels);
        },
        ended: (labels, seconds) => {
          tell(`ended after ${seconds}s`, labels);
        },
      },
      clock: { monotonic: () => 5 },
    });
    server.on('upgrade', (_request, client) => client.destroy());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const [answer] = (await once(request({ port, path: '/pods', agent: false }).end(), 'response')) as [
      NodeJS.ReadableStream,
    ];
    answer.resume();
    const upgrading = request({
      port,
      path: '/exec/default/web/c',
      agent: false,
      headers: { connection: 'Upgrade', upgrade: 'x' },
    });
    upgrading.on('error', () => undefined).end();
    await over.promise;
    server.close();
    assert.deepEqual(told.sort(), ['exec began', 'exec ended after 0s', 'pods began', 'pods ended after 0s']);
  });
});
