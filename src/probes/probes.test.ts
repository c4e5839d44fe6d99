import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { connect, createServer as createTcp, type AddressInfo, type Server as TcpServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { CriError } from '../model/errors.ts';
import { probeExec } from './exec.ts';
import { httpTarget, probeHeaders, probeHttp } from './http.ts';
import { resolvePort } from './probe.ts';
import { probeTcp, type Dial } from './tcp.ts';
import { judge, noRun, type ResultRun } from './thresholds.ts';

const dial: Dial = ({ host, port }) =>
  new Promise((resolve, reject) => {
    const socket = connect(port, host, () => {
      resolve(socket);
    });
    socket.once('error', reject);
  });
const { signal } = new AbortController();

function portOf(server: { address(): AddressInfo | string | null }): number {
  return (server.address() as AddressInfo).port;
}

describe('http probe', () => {
  let server: Server;
  let seen: Record<string, unknown> = {};
  before(async () => {
    server = createServer((request, response) => {
      seen = { ...request.headers };
      const path = request.url ?? '';
      if (path === '/loop') response.writeHead(302, { location: '/loop' }).end();
      else if (path === '/hop') response.writeHead(301, { location: '/ok' }).end();
      else if (path === '/away')
        response.writeHead(302, { location: 'http://elsewhere.example/' }).end('bye');
      else if (path === '/hang') return;
      else response.writeHead(path === '/bad' ? 503 : 200).end('x'.repeat(50_000));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  after(() => {
    server.closeAllConnections();
  });
  after(() => server.close());

  const rows: { path: string; expect: unknown }[] = [
    { path: '/ok', expect: { kind: 'success' } },
    { path: 'ok', expect: { kind: 'success' } },
    { path: '/bad', expect: { kind: 'failure', output: 'HTTP probe failed with statuscode: 503' } },
    { path: '/hop', expect: { kind: 'success' } },
    { path: '/away', expect: { kind: 'warning', output: 'Probe terminated redirects, Response body: bye' } },
  ];
  for (const { path, expect } of rows) {
    it(path, async () => {
      const target = httpTarget({ path, port: 0 }, '127.0.0.1', portOf(server));
      assert.deepEqual(await probeHttp(dial, target, { signal }), expect);
    });
  }

  it('gives up on redirects that never end', async () => {
    const outcome = await probeHttp(
      dial,
      httpTarget({ path: '/loop', port: 0 }, '127.0.0.1', portOf(server)),
      { signal },
    );
    assert.match(outcome.kind === 'failure' ? outcome.output : '', /stopped after 10 redirects/);
  });

  it('says so when the time is up', async () => {
    const stop = new AbortController();
    const waiting = probeHttp(dial, httpTarget({ path: '/hang', port: 0 }, '127.0.0.1', portOf(server)), {
      signal: stop.signal,
    });
    server.once('request', () => {
      stop.abort(new Error('time'));
    });
    const outcome = await waiting;
    assert.match(outcome.kind === 'failure' ? outcome.output : '', /context deadline exceeded/);
  });

  it('names what refused the connection as Go does', async () => {
    const closed = createTcp();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const port = portOf(closed);
    await new Promise((resolve) => closed.close(resolve));
    const outcome = await probeHttp(dial, httpTarget({ path: '/', port: 0 }, '127.0.0.1', port), { signal });
    assert.deepEqual(outcome, {
      kind: 'failure',
      output: `Get "http://127.0.0.1:${port}/": dial tcp 127.0.0.1:${port}: connect: connection refused`,
    });
    assert.deepEqual(await probeTcp(dial, { host: '127.0.0.1', port }, { signal }), {
      kind: 'failure',
      output: `dial tcp 127.0.0.1:${port}: connect: connection refused`,
    });
  });

  it("sends the kubelet's headers", async () => {
    const target = httpTarget(
      {
        path: '/ok',
        port: 0,
        httpHeaders: [
          { name: 'Host', value: 'shop' },
          { name: 'X-A', value: '1' },
        ],
      },
      '127.0.0.1',
      portOf(server),
    );
    await probeHttp(dial, target, { signal });
    assert.deepEqual(seen, {
      'user-agent': 'kube-probe/1.36',
      accept: '*/*',
      host: 'shop',
      'x-a': '1',
      connection: 'close',
    });
  });

  it('leaves out a default that the action gives as empty', () => {
    const target = httpTarget({ path: '/', port: 1, httpHeaders: [{ name: 'Accept', value: '' }] }, '::1', 1);
    assert.equal('accept' in probeHeaders(target), false);
    assert.equal(target.url.href, 'http://[::1]:1/');
  });

  it("name the port in headers and errors, also where it is the scheme's own", async () => {
    const refuse = (): Promise<never> =>
      Promise.reject(Object.assign(new Error('no'), { code: 'ECONNREFUSED' }));
    const target = httpTarget({ path: '/a?b=c', port: 80 }, '10.0.0.9', 80);
    assert.equal(probeHeaders(target).host, '10.0.0.9:80');
    assert.deepEqual(await probeHttp(refuse, target, { signal }), {
      kind: 'failure',
      output: 'Get "http://10.0.0.9:80/a?b=c": dial tcp 10.0.0.9:80: connect: connection refused',
    });
  });
});

describe('tcp probe', () => {
  let server: TcpServer;
  before(async () => {
    server = createTcp((socket) => socket.on('error', () => socket.destroy()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  after(() => server.close());
  it('is content with a connection', async () => {
    assert.deepEqual(await probeTcp(dial, { host: '127.0.0.1', port: portOf(server) }, { signal }), {
      kind: 'success',
    });
  });
});

describe('exec probe', () => {
  const exec = { containerId: 'c', command: ['cat', '/x'], timeoutSeconds: 1 };
  const answering = (exit_code: number): Parameters<typeof probeExec>[0] => ({
    execSync: () => Promise.resolve({ stdout: Buffer.from('out '), stderr: Buffer.from('err'), exit_code }),
  });
  it('goes by the exit code', async () => {
    assert.deepEqual(await probeExec(answering(0), exec, { signal }), { kind: 'success' });
    assert.deepEqual(await probeExec(answering(1), exec, { signal }), { kind: 'failure', output: 'out err' });
  });
  it("fails on the command's timeout, throws on any other error", async () => {
    const failing = (kind: 'deadline-exceeded' | 'unavailable'): Parameters<typeof probeExec>[0] => ({
      execSync: () =>
        Promise.reject(
          new CriError({ kind, method: 'ExecSync', host: 'h', code: 4, codeName: 'X', description: 'd' }),
        ),
    });
    assert.deepEqual(await probeExec(failing('deadline-exceeded'), exec, { signal }), {
      kind: 'failure',
      isLate: true,
      output: 'command timed out: "cat /x" timed out after 1s',
    });
    await assert.rejects(probeExec(failing('unavailable'), exec, { signal }));
  });
});

describe('thresholds', () => {
  const rows: {
    name: string;
    kind: 'liveness' | 'readiness' | 'startup';
    outcomes: ('success' | 'failure')[];
    results: (string | undefined)[];
    hold: boolean;
  }[] = [
    {
      name: 'readiness fails at the third failure',
      kind: 'readiness',
      outcomes: ['failure', 'failure', 'failure'],
      results: [undefined, undefined, 'failure'],
      hold: false,
    },
    {
      name: 'a success in between starts the count anew',
      kind: 'readiness',
      outcomes: ['failure', 'success', 'failure', 'failure'],
      results: [undefined, 'success', undefined, undefined],
      hold: false,
    },
    {
      name: 'liveness holds after failing',
      kind: 'liveness',
      outcomes: ['failure', 'failure', 'failure'],
      results: [undefined, undefined, 'failure'],
      hold: true,
    },
    {
      name: 'startup holds after success',
      kind: 'startup',
      outcomes: ['failure', 'success'],
      results: [undefined, 'success'],
      hold: true,
    },
  ];
  for (const row of rows) {
    it(row.name, () => {
      let run: ResultRun = noRun;
      let hold = false;
      const results = row.outcomes.map((outcome) => {
        const judged = judge(row.kind, { failureThreshold: 3 }, run, outcome);
        run = judged.run;
        hold = judged.hold;
        return judged.result;
      });
      assert.deepEqual(results, row.results);
      assert.equal(hold, row.hold);
    });
  }
});

describe('ports', () => {
  const container = { name: 'c', ports: [{ name: 'web', containerPort: 8080 }] };
  it('by name and number', () => {
    assert.equal(resolvePort('web', container), 8080);
    assert.equal(resolvePort(80, container), 80);
    assert.equal(resolvePort('81', container), 81);
    assert.throws(
      () => resolvePort('none', container),
      /^Error: strconv\.Atoi: parsing "none": invalid syntax$/,
    );
    assert.throws(() => resolvePort(0, container), /invalid port number: 0/);
  });
});
