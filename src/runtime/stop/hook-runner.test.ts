import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Container, LifecycleHandler } from '../../model/kube.ts';
import { criFault, FakeCri, FakeEvents } from '../../testing/fake-host.ts';
import { FakeClock, pod } from '../../testing/fixtures.ts';
import { urlText } from '../../hosts/go-http/url-text.ts';
import { hookRequest } from './hook-http.ts';
import { HookRunner } from './hook-runner.ts';

const { signal } = new AbortController();
const container: Container = { name: 'c', ports: [{ name: 'web', containerPort: 8080 }] };

function setUp(answers: ConstructorParameters<typeof FakeCri>[0] = {}) {
  const cri = new FakeCri(answers);
  const events = new FakeEvents();
  const clock = new FakeClock();
  const counted: string[] = [];
  const runner = new HookRunner({
    cri: cri.client,
    dial: ({ host, port }) =>
      new Promise((resolve, reject) => {
        const socket = connect({ host, port });
        socket.once('connect', () => {
          resolve(socket);
        });
        socket.once('error', reject);
      }),
    events,
    metrics: {
      hookFellBack: () => counted.push('fallback'),
      sleepCut: () => counted.push('sleep cut'),
    },
    clock,
  });
  const run = (handler: LifecycleHandler, podIPs = ['127.0.0.1'], until = signal): Promise<void> =>
    runner.run(handler, { pod: pod(), container, containerId: 'id', podIPs }, { signal: until });
  return { cri, events, clock, counted, run };
}

describe('exec hooks', () => {
  const handler = { exec: { command: ['sh', '-c', 'exit $(X)'] } };
  const prefix =
    'Exec lifecycle hook ([sh -c exit $(X)]) for Container "c" in Pod "web_default(uid-web)" failed - error: ';

  it('run the command as it is, without limit', async () => {
    const { cri, run } = setUp();
    await run(handler);
    assert.deepEqual(cri.calls, [
      { method: 'execSync', request: { container_id: 'id', cmd: ['sh', '-c', 'exit $(X)'], timeout: 0 } },
    ]);
  });

  it('fail with what the command said', async () => {
    const { run } = setUp({
      execSync: () => ({ exit_code: 9, stdout: Buffer.from('out'), stderr: Buffer.from('err') }),
    });
    await assert.rejects(run(handler), {
      message: `${prefix}command 'sh -c exit $(X)' exited with 9: err, message: "outerr"`,
    });
  });

  it('fail with what the runtime said', async () => {
    const { run } = setUp({
      execSync: () => {
        throw criFault('gone');
      },
    });
    await assert.rejects(run(handler), {
      message: `${prefix}rpc error: code = Unknown desc = gone, message: ""`,
    });
  });
});

describe('other hooks', () => {
  it('sleep', async () => {
    const { clock, run } = setUp();
    let done = false;
    const running = run({ sleep: { seconds: 5 } }).then(() => (done = true));
    await clock.advance(4999);
    assert.equal(done, false);
    await clock.advance(1);
    await running;
  });

  it('that sleep count what cuts them short', async () => {
    const { counted, run } = setUp();
    const stop = new AbortController();
    const running = run({ sleep: { seconds: 5 } }, ['127.0.0.1'], stop.signal);
    stop.abort(new Error('killed'));
    await assert.rejects(running, /killed/);
    assert.deepEqual(counted, ['sleep cut']);
  });

  it('refuse what is none', async () => {
    const { run } = setUp();
    await assert.rejects(run({ tcpSocket: { port: 1 } }), { message: 'Cannot run handler: invalid handler' });
  });
});

describe('http hooks', () => {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(
      `${request.url ?? ''} ${request.headers['user-agent'] ?? ''} ${String(request.headers['x-a'] ?? '')}`,
    );
    if (request.url === '/moved') response.writeHead(302, { location: '/there' });
    else response.writeHead(500);
    response.end('x'.repeat(20_000));
  });
  const silent = createTcpServer((socket) => socket.destroy());
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  });
  after(() => {
    server.close();
    silent.close();
  });
  const port = (): number => (server.address() as AddressInfo).port;

  it('are done with any answer, and follow the same host', async () => {
    const { run } = setUp();
    seen.length = 0;
    await run({ httpGet: { port: port(), path: '/moved', httpHeaders: [{ name: 'X-A', value: '1' }] } });
    assert.deepEqual(seen, ['/moved kube-lifecycle/1.36 1', '/there kube-lifecycle/1.36 1']);
  });

  it('fall back from HTTPS to HTTP, and say so', async () => {
    const { events, counted, run } = setUp();
    await run({ httpGet: { port: port(), path: '/x', scheme: 'HTTPS' } });
    assert.deepEqual(counted, ['fallback']);
    assert.deepEqual(events.seen, [
      `Warning LifecycleHTTPFallback: request to HTTPS lifecycle hook 127.0.0.1:${String(port())} got HTTP response, retry with HTTP succeeded`,
    ]);
  });

  it('fail without an answer', async () => {
    const { run } = setUp();
    const { port: closed } = silent.address() as AddressInfo;
    await assert.rejects(
      run({ httpGet: { port: closed, path: '/x' } }),
      new RegExp(
        `^FarletError: HTTP lifecycle hook \\(/x\\) for Container "c" .* failed - error: Get "http://127\\.0\\.0\\.1:${String(closed)}/x": EOF$`,
      ),
    );
    await assert.rejects(
      run({ httpGet: { port: 1, path: '/x' } }),
      /error: Get "http:\/\/127\.0\.0\.1:1\/x": dial tcp 127\.0\.0\.1:1: connect: connection refused$/,
    );
    await assert.rejects(run({ httpGet: { port: 1 } }, []), /the pod has no address/);
  });

  it('find ports by name', () => {
    assert.equal(
      urlText(hookRequest({ port: 'web', path: 'p' }, container, 'fd00::1').url),
      'http://[fd00::1]:8080/p',
    );
    assert.throws(
      () => hookRequest({ port: 'no' }, container, '10.0.0.1'),
      /strconv\.Atoi: parsing "no": invalid syntax/,
    );
    assert.throws(() => hookRequest({ port: 70_000 }, container, '10.0.0.1'), /invalid port number/);
  });
});
