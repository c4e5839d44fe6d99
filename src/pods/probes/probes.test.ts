import assert from 'node:assert/strict';
import { connect, createServer as createTcp, type AddressInfo, type Server as TcpServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Dial } from '../../hosts/link/dial-target.ts';
import { resolvePort } from '../../model/container-port.ts';
import { CriError } from '../../model/errors.ts';
import { probeExec } from './exec.ts';
import { probeTcp } from './tcp.ts';
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
      name: 'a success in between starts the count again',
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
    assert.throws(() => resolvePort('none', container), {
      message: 'strconv.Atoi: parsing "none": invalid syntax',
    });
    assert.throws(() => resolvePort(0, container), /invalid port number: 0/);
  });
});
