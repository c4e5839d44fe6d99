/** What people do with kubectl over a node's kubelet API: logs, exec, attach, port-forward, cp. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { before, describe, it } from 'node:test';
import { kubernetes } from '../harness/cache.ts';
import { useNamespace } from '../harness/namespace.ts';
import { shell } from '../harness/pods.ts';
import { freePorts } from '../harness/free-ports.ts';
import { eventually, outcome, start } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';

const world = useWorld();
const WRITER = 'echo one; echo two >&2; i=0; while true; do echo line $i; i=$((i+1)); sleep 0.5; done';

for (const node of world.nodes) {
  describe(`kubectl on ${node}`, () => {
    const pods = useNamespace(world, { name: `kubectl-${node}`, node });
    const kubectl = pods.kubectl.bind(pods);
    const tryKubectl = pods.tryKubectl.bind(pods);
    const exec = (...command: string[]): Promise<string> => kubectl(['exec', 'shell', '--', ...command]);
    /** the command line of kubectl in this namespace, for commands that stay */
    const line = (...args: string[]): string[] => [
      ...kubernetes('kubectl'),
      `--kubeconfig=${world.plane.kubeconfig}`,
      '-n',
      pods.name,
      ...args,
    ];

    before(async () => {
      await pods.createPod('writer', { containers: [shell(WRITER)] });
      await pods.createPod('shell', { containers: [shell()] });
      await pods.createPod('crash', { containers: [shell('echo attempt; exit 1')] });
      await pods.createPod('echoes', { containers: [shell('exec cat', { stdin: true })] });
      await pods.createPod('terminal', {
        containers: [
          shell('stty -echo; tty; read line; echo got $line; sleep 1000', { stdin: true, tty: true }),
        ],
      });
      await pods.createPod('server', {
        containers: [shell('exec nc -ll -p 8080 -e cat')],
      });
      for (const pod of ['writer', 'shell', 'echoes', 'terminal', 'server']) await pods.waitReady(pod);
      await pods.wait('lines', async () => (await kubectl(['logs', 'writer'])).includes('line 4'));
    });

    describe('logs', () => {
      it('the end, the beginning, the last seconds, with times', async () => {
        assert.match(await kubectl(['logs', 'writer', '--tail=2']), /^line \d+\nline \d+\n$/);
        assert.equal(await kubectl(['logs', 'writer', '--tail=0']), '');
        assert.equal((await kubectl(['logs', 'writer', '--limit-bytes=5'])).length, 5);
        const recent = await kubectl(['logs', 'writer', '--since=1s']);
        assert.match(recent, /^(line \d+\n){1,4}$/);
        const [first = ''] = (await kubectl(['logs', 'writer', '--timestamps'])).split('\n');
        assert.match(first, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (one|two)$/);
        const since = first.split(' ')[0] ?? '';
        assert.match(await kubectl(['logs', 'writer', `--since-time=${since}`]), /line 0\n(two\n)?line 1\n/);
        assert.equal(await kubectl(['logs', 'writer', '--since-time=2100-01-01T00:00:00Z']), '');
      });

      it('follows a container that goes on writing', async () => {
        const follow = start('kubectl-logs', line('logs', '-f', '--tail=1', 'writer'), {
          logFile: `${world.folder}/follow-${node}.log`,
        });
        try {
          const lines = (): string[] => readFileSync(follow.logFile, 'utf8').trimEnd().split('\n');
          await eventually('five lines', () => lines().length >= 5, { timeoutMs: 15_000 });
          const numbers = lines().map((text) => Number(text.replace('line ', '')));
          assert.deepEqual(
            numbers,
            numbers.map((_, index) => (numbers[0] ?? 0) + index),
          );
        } finally {
          await follow.stop('SIGKILL');
        }
      });

      it('follows a container to its end, and a quiet one without a word', async () => {
        await pods.createPod('ends', {
          restartPolicy: 'Never',
          containers: [shell('for i in 1 2 3; do echo $i; sleep 1; done')],
        });
        await pods.wait('it to run', async () => (await pods.pod('ends')).status.phase === 'Running');
        assert.equal(await kubectl(['logs', '-f', 'ends']), '1\n2\n3\n');
        const quiet = start('kubectl-logs', line('logs', '-f', 'shell'), {
          logFile: `${world.folder}/quiet-${node}.log`,
        });
        await new Promise((resolve) => setTimeout(resolve, 1500));
        assert.equal(quiet.exited(), false);
        await quiet.stop('SIGKILL');
        assert.equal(readFileSync(quiet.logFile, 'utf8'), '');
      });

      it('of the attempt before', async () => {
        await pods.waitWaiting('crash', 'CrashLoopBackOff');
        await pods.wait(
          'a second attempt',
          async () => ((await pods.container('crash'))?.restartCount ?? 0) >= 1,
        );
        assert.match(
          await kubectl(['logs', '--previous', 'crash']),
          /^(attempt\n|unable to retrieve container logs for containerd:\/\/[0-9a-f]{64})$/,
        );
        const none = await tryKubectl(['logs', '--previous', 'shell']);
        assert.equal(none.code, 1);
        assert.match(none.stderr, /previous terminated container "c" in pod "shell" not found/);
      });
    });

    describe('exec', () => {
      it('carries streams and exit codes', async () => {
        assert.equal(await exec('echo', 'a  b', '$HOME'), 'a  b $HOME\n');
        const both = await tryKubectl(['exec', 'shell', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
        assert.deepEqual(
          [both.code, both.stdout, both.stderr],
          [7, 'out\n', 'err\ncommand terminated with exit code 7\n'],
        );
        assert.equal(await kubectl(['exec', '-i', 'shell', '--', 'cat'], 'in\n'), 'in\n');
        const missing = await tryKubectl(['exec', 'shell', '--', 'no-such-command']);
        assert.notEqual(missing.code, 0);
        assert.match(missing.stderr, /executable file not found/);
      });

      it('carries a lot', async () => {
        const size = 8 * 1024 * 1024;
        const sent = randomBytes(size).toString('base64');
        assert.equal(await kubectl(['exec', '-i', 'shell', '--', 'cat'], sent), sent);
      });

      it('gives a terminal', async () => {
        const command = quoted(line('exec', '-it', 'shell', '--', 'sh', '-c', 'tty; exit 3'));
        const { code, stdout } = await outcome(['script', '-qec', command, '/dev/null']);
        assert.match(stdout, /\/dev\/pts\/\d+\r\n/);
        assert.equal(code, 3);
      });

      it('refuses what is not there', async () => {
        const { code, stderr } = await tryKubectl(['exec', 'shell', '-c', 'none', '--', 'id']);
        assert.equal(code, 1);
        assert.match(stderr, /container not found|container none is not valid/);
      });
    });

    it('attach: what goes in comes out, with and without a terminal', async () => {
      const attach = line('attach', '-i');
      const rows = [
        { pod: 'echoes', command: quoted([...attach, 'echoes']), answer: 'word' },
        {
          pod: 'terminal',
          command: `script -qec "${quoted([...attach, '-t', 'terminal'])}" /dev/null`,
          answer: 'got word',
        },
      ];
      for (const { pod, command, answer } of rows) {
        // input that stays open for a while, as a person's does
        const attached = start('attach', ['sh', '-c', `(sleep 2; echo word; sleep 5) | ${command}`], {
          logFile: `${world.folder}/attach-${node}-${pod}.log`,
        });
        const said = (): string => readFileSync(attached.logFile, 'utf8');
        try {
          await eventually(`${pod} to answer`, () => said().includes(answer), {
            timeoutMs: 20_000,
            describe: () => Promise.resolve(said()),
          });
        } finally {
          await attached.stop('SIGKILL');
        }
      }
    });

    it('port-forward: bytes both ways, over several connections', async () => {
      const [port = 0] = await freePorts(1);
      const forward = start('port-forward', line('port-forward', 'pod/server', `${port}:8080`), {
        logFile: `${world.folder}/forward-${node}.log`,
      });
      try {
        await eventually('the port', () => readFileSync(forward.logFile, 'utf8').includes('Forwarding from'));
        for (let round = 0; round < 3; round += 1) {
          const sent = randomBytes(300_000);
          const got = await eventually('an echo', () => echo(port, sent), {
            describe: () => Promise.resolve(readFileSync(forward.logFile, 'utf8')),
          });
          assert.ok(got.equals(sent));
        }
      } finally {
        await forward.stop('SIGKILL');
      }
    });

    it('cp: a file there and back', async () => {
      const file = `${world.folder}/copied-${node}`;
      writeFileSync(file, randomBytes(500_000));
      await kubectl(['cp', file, 'shell:/tmp/copied']);
      await kubectl(['cp', 'shell:/tmp/copied', `${file}-back`]);
      assert.ok(readFileSync(`${file}-back`).equals(readFileSync(file)));
    });
  });
}

function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word}'`).join(' ');
}

/** What comes back for the bytes, once as much has come as was sent. */
function echo(port: number, sent: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(sent));
    socket.setTimeout(10_000, () => socket.destroy(new Error('no echo')));
    socket.on('data', (piece) => {
      pieces.push(piece);
      if (Buffer.concat(pieces).length < sent.length) return;
      socket.destroy();
      resolve(Buffer.concat(pieces));
    });
    socket.once('error', reject);
    socket.once('end', () => {
      reject(new Error('the connection ended early'));
    });
  });
}
