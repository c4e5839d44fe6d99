import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { destroy, openDispatchers } from './dispatchers.ts';

describe('connections to the API server', () => {
  /** takes connections, and says nothing */
  const server = createServer();
  before(async () => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  after(() => {
    server.close();
  });

  it('that a call waited for end with it', { timeout: 8_000 }, async () => {
    const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: 'c', server: origin, skipTLSVerify: true },
      { name: 'u', token: 't' },
    );
    const dispatchers = openDispatchers(config, { rejectUnauthorized: false });
    const stop = new AbortController();
    const call = dispatchers.leases.request({ origin, path: '/', method: 'GET', signal: stop.signal });
    const [socket] = (await once(server, 'connection')) as [Socket];
    const closed = once(
      socket.resume().on('error', () => undefined),
      'close',
    );
    stop.abort(new Error('given up'));
    await assert.rejects(call, /given up/);
    await closed;
    await destroy(dispatchers);
  });
});
