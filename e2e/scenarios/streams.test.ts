/**
 * Streams to their end: every one that kubectl has, over WebSocket and SPDY, with 50 MB each way; many at
 * once; nobody who reads or takes; and whoever goes without a word leaves nothing behind. Here (`make test`)
 * or over ssh or tcp (`make test-remote`).
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { kubernetes } from '../harness/cache.ts';
import { startExec, type ExecClient } from '../harness/exec-client.ts';
import { link, linkHosts } from '../harness/link-hosts.ts';
import { useNamespace } from '../harness/namespace.ts';
import { shell } from '../harness/pods.ts';
import { freePorts } from '../harness/free-ports.ts';
import { eventually, outcome, start, tail, type Outcome, type Running } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';

const hosts = linkHosts.slice(-1);
const world = useWorld({ hosts });

const MIB = 1024 * 1024;
const LARGE = 50 * MIB;
const SIDE_BY_SIDE = 50;
/** What is offered and nobody takes is far more than this; what waits may wait in sockets alone. */
const MAX_GROWTH = 64 * MIB;
const OFFERED = 300 * MIB;
const GONE_MS = 60_000;

/** What kubectl speaks, and what makes it do so. */
const protocols = [
  { protocol: 'WebSocket', env: {} },
  {
    protocol: 'SPDY',
    env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' },
  },
] as const;

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

for (const { name: node } of hosts)
  describe(`streams of ${node}`, { concurrency: 1 }, () => {
    const space = useNamespace(world, { name: `streams-${node}`, node });
    const line = (...args: string[]): string[] => [
      ...kubernetes('kubectl'),
      `--kubeconfig=${world.plane.kubeconfig}`,
      '-n',
      space.name,
      ...args,
    ];
    const kubectl = (args: string[], env: Record<string, string>, input = ''): Promise<Outcome> =>
      outcome(line(...args), { env, input, timeoutMs: 180_000 });
    const ok = async (args: string[], env: Record<string, string>, input?: string): Promise<string> => {
      const { code, stdout, stderr } = await kubectl(args, env, input);
      assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
      return stdout;
    };
    const background = (name: string, command: string[], env: Record<string, string>): Running =>
      start(name, command, { logFile: `${world.folder}/${name}.log`, env });
    const exec = (command: readonly string[], stdin = false): ExecClient => {
      const { server, kubeconfig } = world.plane;
      return startExec({ server, kubeconfig, namespace: space.name, pod: 'box', command, stdin });
    };
    /** A port of this machine that leads to the pod's, and the kubectl that forwards it. */
    const forward = async (name: string, env: Record<string, string>): Promise<[number, Running]> => {
      const [port = 0] = await freePorts(1);
      const running = background(name, line('port-forward', 'pod/server', `${String(port)}:8080`), env);
      await eventually('the port', () => tail(running.logFile).includes('Forwarding from'), {
        describe: () => Promise.resolve(tail(running.logFile)),
      });
      return [port, running];
    };
    const resident = (): number => {
      const status = readFileSync(`/proc/${String(world.farlet.pid())}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
    };
    /** The most that farlet grows by while something goes on for so long. */
    const growth = async (ms: number): Promise<number> => {
      const first = resident();
      let most = 0;
      for (const end = Date.now() + ms; Date.now() < end;) {
        await pause(100);
        most = Math.max(most, resident() - first);
      }
      return most;
    };
    const inBox = async (program: string): Promise<number> =>
      Number(await space.sh('box', `ps -o args | grep -c '^${program}$' || true`));
    /** What streams hold: files and counted streams of farlet, files of the runtime, programs in the pod. */
    const held = async (): Promise<Record<string, number>> => {
      const metrics = await (await fetch(world.farlet.metricsUrl)).text();
      const counts = [...metrics.matchAll(/^farlet_streams\{.*\} (\d+)$/gm)];
      return {
        files: readdirSync(`/proc/${String(world.farlet.pid())}/fd`).length,
        streams: counts.reduce((sum, [, count]) => sum + Number(count), 0),
        filesOfRuntime: readdirSync(`/proc/${String(world.host(node).pid())}/fd`).length,
        cats: await inBox('cat'),
        yeses: await inBox('yes'),
      };
    };
    const returnTo = async (rest: Record<string, number>, timeoutMs = GONE_MS): Promise<void> => {
      let now: Record<string, number> = {};
      await eventually(
        'all to be as it was',
        async () => {
          now = await held();
          return Object.entries(now).every(([what, count]) => count <= (rest[what] ?? 0));
        },
        { timeoutMs, everyMs: 500, describe: () => Promise.resolve(JSON.stringify({ now, rest })) },
      );
    };

    before(async () => {
      await space.createPod('box');
      await space.createPod('server', { containers: [shell('exec nc -ll -p 8080 -e cat')] });
      for (const pod of ['box', 'server']) await space.waitReady(pod, 60_000);
    });

    for (const { protocol, env } of protocols)
      describe(`over ${protocol}`, () => {
        it('a command gets its input to the end, and gives two outputs and its code', async () => {
          const command = ['sh', '-c', 'cat; echo over >&2; exit 7'];
          const ended = await kubectl(['exec', '-i', 'box', '--', ...command], env, 'a\0b\n');
          assert.deepEqual(
            [ended.code, ended.stdout, ended.stderr],
            [7, 'a\0b\n', 'over\ncommand terminated with exit code 7\n'],
          );
        });

        it('50 MB are copied there and back', async () => {
          const [there, back] = [`${world.folder}/there`, `${world.folder}/back`];
          const bytes = randomBytes(LARGE);
          writeFileSync(there, bytes);
          await ok(['cp', there, 'box:/tmp/large'], env);
          assert.match(await space.sh('box', 'sha256sum /tmp/large'), new RegExp(`^${sha256(bytes)} `));
          await ok(['cp', 'box:/tmp/large', back], env);
          assert.equal(sha256(readFileSync(back)), sha256(bytes));
          for (const file of [there, back]) rmSync(file);
        });

        it('50 MB go each way over a forwarded port, at once', async () => {
          const [port, running] = await forward(`forward-${protocol}`, env);
          try {
            const bytes = randomBytes(LARGE);
            assert.equal(await echoed(port, bytes), sha256(bytes), tail(running.logFile));
          } finally {
            await running.stop('SIGKILL');
          }
        });

        it('a terminal has the size of the client’s, and gets its new one', async () => {
          const log = `${world.folder}/terminal-${protocol}`;
          // the command may be ahead of the size
          const until = (size: string): string =>
            `until [ "$(stty size 2>/dev/null)" = "${size}" ]; do sleep 0.1; done`;
          const inside = `${until('40 100')}; echo its-''size; ${until('30 90')}; echo new-''size; exit 3`;
          const resize = `(until grep -aq 'its-[s]ize' '${log}'; do sleep 0.1; done; stty cols 90 rows 30 </dev/tty)`;
          const command = quoted(line('exec', '-it', 'box', '--', 'sh', '-c', inside));
          const { code } = await outcome(
            ['script', '-qefc', `stty cols 100 rows 40; ${resize} & ${command}`, log],
            { env, timeoutMs: 60_000 },
          );
          assert.match(readFileSync(log, 'latin1'), /its-size\r\n(.*\r\n)*new-size\r\n/);
          assert.equal(code, 3);
        });

        it('what is attached to a container is its input to the end', async () => {
          const pod = `attached-${protocol.toLowerCase()}`;
          await space.createPod(pod, {
            restartPolicy: 'Never',
            containers: [shell('sha256sum; echo over', { stdin: true, stdinOnce: true })],
          });
          await space.waitReady(pod);
          const input = 'word\n'.repeat(400_000);
          const told = await ok(['attach', '-i', pod], env, input);
          await space.wait(
            `${pod} to be over`,
            async () => (await space.pod(pod)).status.phase === 'Succeeded',
          );
          const said = `${sha256(Buffer.from(input))}  -\nover\n`;
          assert.equal(await space.kubectl(['logs', pod]), said);
          // kubectl attaches when it runs: the end of what it says is there, or all of it
          assert.ok(said.endsWith(told.replace(/^If you don't see.*\n/, '')), told);
        });
      });

    it('fifty commands beside each other keep apart what goes in and comes out, and their codes', async () => {
      const all = Array.from({ length: SIDE_BY_SIDE }, async (_, index) => {
        const input = randomBytes(100_000 + index);
        const client = exec(['sh', '-c', `cat; echo ${String(index)} >&2; exit ${String(index)}`], true);
        await client.opened;
        client.write(input);
        client.endInput();
        const { stdout, stderr, code } = await client.ended;
        assert.ok(stdout.equals(input), `${String(index)}: ${String(stdout.length)} bytes`);
        assert.deepEqual([stderr.toString(), code], [`${String(index)}\n`, index]);
      });
      await Promise.all(all);
    });

    it('what nobody reads stays where it is, and goes with its reader', async () => {
      const client = exec(['cat', '/dev/zero']);
      await client.opened;
      client.pause();
      const most = await growth(4_000);
      assert.equal(await inBox('cat /dev/zero'), 1, 'it is under way for as long as its client is');
      client.go();
      assert.ok(most < MAX_GROWTH, `${String(most / MIB)} MiB`);
      await eventually('the command to end', async () => (await inBox('cat /dev/zero')) === 0);
    });

    it('what a command does not take stays with the client', async () => {
      const client = exec(['sh', '-c', 'sleep 5; exec cat >/dev/null'], true);
      await client.opened;
      let sent = 0;
      const feeding = (async () => {
        for (const end = Date.now() + 4_000; Date.now() < end && sent < OFFERED;)
          if (client.unsent() > MIB) await pause(5);
          else {
            client.write(Buffer.alloc(MIB));
            sent += MIB;
          }
      })();
      const most = await growth(4_000);
      await feeding;
      assert.ok(sent < OFFERED, `${String(sent / MIB)} MiB went somewhere`);
      assert.ok(most < MAX_GROWTH, `${String(most / MIB)} MiB`);
      client.endInput();
      assert.equal((await client.ended).code, 0);
    });

    it('a node is debugged from within', async () => {
      const name = `debugger of ${node}`;
      const command = ['sh', '-c', 'echo in; ls -d /host/proc; readlink /proc/self/ns/net; exit 4'];
      const told = await ok(['debug', `node/${node}`, '--image=localhost/busybox:1', '--', ...command], {});
      const pod = /pod (\S+) with container debugger/.exec(told)?.[1] ?? assert.fail(told);
      await space.wait(`${name} to end`, async () => (await space.container(pod))?.state.terminated);
      assert.equal((await space.container(pod))?.state.terminated?.exitCode, 4);
      const [said, proc, net = ''] = (await space.kubectl(['logs', pod])).split('\n');
      assert.deepEqual([said, proc], ['in', '/host/proc']);
      assert.equal((await world.host(node).inside(['readlink', '/proc/self/ns/net'])).stdout.trim(), net);
    });

    describe('those who go without a word', () => {
      /** Streams of every kind, under way. */
      const openAll = async (round: string): Promise<() => Promise<void>> => {
        const running: Running[] = [];
        const sockets: Socket[] = [];
        const reader = exec(['yes']);
        await reader.opened;
        reader.pause();
        for (const { protocol, env } of protocols) {
          const name = (what: string): string => `${what}-${protocol}-${round}`;
          running.push(background(name('cat'), openInput(line('exec', '-i', 'box', '--', 'cat')), env));
          const [port, forwarding] = await forward(name('port'), env);
          running.push(forwarding);
          sockets.push(await connected(port));
        }
        const writer = exec(['cat'], true);
        await writer.opened;
        running.push(background(`logs-${round}`, line('logs', '-f', 'box'), {}));
        running.push(background(`attach-${round}`, line('attach', 'box'), {}));
        await eventually('all to be under way', async () => {
          const { cats = 0, yeses = 0, streams = 0 } = await held();
          // four commands, two ports, a log, an attachment
          return cats === 3 && yeses === 1 && streams === 8;
        });
        return async () => {
          reader.go();
          writer.go();
          await Promise.all(running.map((each) => each.stop('SIGKILL')));
          for (const socket of sockets) socket.destroy();
        };
      };
      let rest: Record<string, number>;

      before(async () => {
        // connections that are kept for the next request are there
        const go = await openAll('first');
        await go();
        rest = await eventually('a first round to be over', async () => {
          const now = await held();
          return now.streams === 0 && now.cats === 0 && now.yeses === 0 && now;
        });
      });

      it('leave nothing with farlet, the runtime or the pod', async () => {
        const go = await openAll('second');
        const busy = await held();
        assert.ok((busy.files ?? 0) > (rest.files ?? 0), JSON.stringify({ busy, rest }));
        await go();
        await returnTo(rest);
      });

      it(
        'as the link does that is cut, leave nothing either',
        { skip: link === 'unix' && 'this machine is no link away' },
        async () => {
          const go = await openAll('third');
          const client = exec(['cat'], true);
          await client.opened;
          const remote = world.remote(node);
          await remote.dropPackets();
          try {
            // a stream that was cut ends for its client while the host is away
            assert.notEqual((await client.ended).code, 0);
          } finally {
            await remote.mendLink();
          }
          await go();
          await space.wait('the node to be back', async () => (await inBox('none')) === 0, 60_000);
          await returnTo(rest, 2 * GONE_MS);
        },
      );
    });
  });

function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
}

/** The command with an input that stays open and empty for as long as it runs. */
function openInput(command: readonly string[]): string[] {
  const pipe = `${world.folder}/input-${randomUUID()}`;
  return ['sh', '-c', `mkfifo '${pipe}'; exec 3<>'${pipe}'; exec ${quoted(command)} <&3`];
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('hello');
  await new Promise((resolve) => socket.once('data', resolve));
  return socket;
}

/** The checksum of what comes back for the bytes, once as many have come as were sent. */
function echoed(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256');
    let left = bytes.length;
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setTimeout(60_000, () => socket.destroy(new Error(`${String(left)} bytes did not come back`)));
    socket.on('data', (piece: Buffer) => {
      hash.update(piece);
      left -= piece.length;
      if (left > 0) return;
      socket.destroy();
      resolve(hash.digest('hex'));
    });
    socket.once('error', reject).once('end', () => {
      reject(new Error(`the connection ended with ${String(left)} bytes missing`));
    });
  });
}
