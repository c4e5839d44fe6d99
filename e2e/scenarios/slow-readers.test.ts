/**
 * Readers of a log of a GiB who take next to nothing of it (S12): they cost farlet no memory and nobody else
 * an answer, and when they go nothing of theirs stays. Over ssh or tcp: `FARLET_E2E_LINK=ssh|tcp`. That one
 * who takes nothing at all is dropped after five minutes is shown by src/api/server/send-pieces.test.ts.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { askKubelet, openKubelet, type KubeletAnswer } from '../harness/kubelet-client.ts';
import { pause } from '../harness/far-node.ts';
import { link, linkHosts } from '../harness/link-hosts.ts';
import { useNamespace } from '../harness/namespace.ts';
import { eventually } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';

const hosts = linkHosts.slice(-1);
const world = useWorld({
  hosts,
  farlet: {
    // the log is to stay as it is; a far host's /tmp is memory
    config: { containerLogMaxSize: '8Gi', ...(link === 'unix' ? {} : { podLogsDir: '/var/lib/pod-logs' }) },
  },
});

/** The last one waits for news: nothing is left for it to take. */
const READERS = ['', '', '', 'follow=true', 'follow=true&tailLines=1'];
const FOLLOWERS = 2;
const BYTES_A_SECOND = 1024;
/** Longer where time is not that precious. */
const READ_MS = link === 'unix' ? 15_000 : 60_000;
/**
 * What passes through leaves buffers behind that V8 frees when it has 64 MiB of them, however many read: so
 * much readers at their ease may cost. Those who are slow are measured against what is there after them.
 */
const AT_EASE_BYTES = 16 * 1024 ** 2;
const MAX_AT_EASE_KIB = 112 * 1024;
const MAX_GROWTH_KIB = 32 * 1024;
/** longer than the program that watches on a far host stays after those it watched for */
const REST_MS = 3_000;
/** for others' requests meanwhile, on a machine that is busy */
const ANSWER_MS = 5_000;
const LOG_BYTES = 1024 ** 3;
/** as the runtime writes them, 128 bytes with its end */
const LINE = `2026-01-01T00:00:00.000000000Z stdout F ${'x'.repeat(87)}`;

for (const { name: node } of hosts)
  describe(`slow readers of a large log on ${node}`, { concurrency: 1 }, () => {
    const space = useNamespace(world, { name: `slow-${node}`, node });
    const inside = async (command: string): Promise<string> =>
      (await world.host(node).inside(['sh', '-c', command])).stdout.trim();
    const to = (path: string, method = 'GET'): Parameters<typeof askKubelet>[0] => ({
      url: world.farlet.kubeletUrl(node),
      as: world.plane.kubeletClient,
      method,
      path,
    });
    const log = (query: string): string => `/containerLogs/${space.name}/large/c?${query}`;
    const farlet = (): string => `/proc/${String(world.farlet.pid())}`;
    const residentKiB = (): number =>
      Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`${farlet()}/status`, 'utf8'))?.[1]);
    /**
     * What is there for readers: farlet's files and watches, its streams, its programs and files on the host.
     */
    const held = async (): Promise<Record<string, number>> => {
      const open = readdirSync(`${farlet()}/fd`).map((fd) => targetOf(`${farlet()}/fd/${fd}`));
      const metrics = await (await fetch(world.farlet.metricsUrl)).text();
      const streams = [...metrics.matchAll(/^farlet_streams\{.*\} (\d+)$/gm)];
      return {
        files: open.filter((path) => path.endsWith('/c/0.log')).length,
        watches: open.filter((path) => path.includes('inotify')).length,
        streams: streams.reduce((sum, [, count]) => sum + Number(count), 0),
        // on a host of this machine there are those of other scenarios as well
        filesThere: Number(
          await inside(`find /proc/[0-9]*/fd -lname '*/${space.name}_*/c/0.log' 2>/dev/null | wc -l`),
        ),
        programsThere:
          link === 'unix' ? 0 : Number(await inside(`pgrep -cf 'bs=[0-9]+ count=1 iflag=fullblock'`)),
      };
    };
    const open = async (queries: readonly string[]): Promise<IncomingMessage[]> =>
      await Promise.all(queries.map((query) => openKubelet(to(log(query)))));
    const go = (readers: readonly IncomingMessage[]): void => {
      for (const reader of readers) reader.destroy();
    };
    let atRest: Record<string, number>;

    before(async () => {
      await space.createPod('large');
      await space.waitReady('large', 60_000);
      const folder = link === 'unix' ? `${world.farlet.folder}/logs/pods` : '/var/lib/pod-logs';
      await inside(`yes '${LINE}' | head -c ${String(LOG_BYTES)} >>"$(ls ${folder}/*_large_*/c/0.log)"`);
      const unread = residentKiB();
      // as many readers as later, at their ease: programs that are kept for the next are there
      const first = await open(
        READERS.map((query) =>
          query.includes('tail') ? query : `${query}&limitBytes=${String(AT_EASE_BYTES)}`,
        ),
      );
      const bytes = first.map(takeAll);
      await eventually('the first readers', () =>
        bytes.slice(0, -1).every((taken) => taken() === AT_EASE_BYTES),
      );
      const growth = residentKiB() - unread;
      assert.ok(growth < MAX_AT_EASE_KIB, `${String(growth)} KiB for readers at their ease`);
      go(first);
      atRest = await eventually('nobody to read', async () => {
        const now = await held();
        await pause(REST_MS);
        const later = await held();
        return now.streams === 0 && isDeepStrictEqual(now, later) && now;
      });
    });

    it('cost no memory, and keep nobody waiting', async () => {
      const before = residentKiB();
      const readers = await open(READERS);
      const taken = readers.map(sip);
      const asked: [path: string, method: string, answer: (answer: KubeletAnswer) => boolean][] = [
        ['/healthz', 'GET', ({ body }) => body === 'ok'],
        ['/pods', 'GET', ({ body }) => body.includes('"large"')],
        [log('tailLines=1'), 'GET', ({ body }) => body === `${'x'.repeat(87)}\n`],
        [`/run/${space.name}/large/c?cmd=echo%20hi`, 'POST', ({ body }) => body === 'hi\n'],
      ];
      let [most, slowest] = [0, 0];
      for (const end = Date.now() + READ_MS; Date.now() < end;)
        for (const [path, method, isRight] of asked) {
          const began = Date.now();
          const answer = await askKubelet(to(path, method));
          assert.ok(isRight(answer), `${path}: ${String(answer.code)} ${answer.body.slice(0, 200)}`);
          slowest = Math.max(slowest, Date.now() - began);
          most = Math.max(most, residentKiB());
        }
      const busy = await held();
      go(readers);
      assert.equal(busy.streams, FOLLOWERS);
      // what is to be gone later is there now: files here, or the program that watches there
      const what = link === 'unix' ? 'files' : 'programsThere';
      assert.ok((busy[what] ?? 0) > (atRest[what] ?? 0), JSON.stringify({ busy, atRest }));
      for (const bytes of taken.slice(0, -1)) assert.ok(bytes() >= (BYTES_A_SECOND * READ_MS) / 2_000);
      assert.ok(most - before < MAX_GROWTH_KIB, `${String(before)} KiB → ${String(most)} KiB`);
      assert.ok(slowest < ANSWER_MS, `${String(slowest)} ms`);
    });

    it('leave nothing of theirs when they go', async () => {
      let now: Record<string, number> = {};
      await eventually(
        'all to be as before',
        async () => {
          now = await held();
          return Object.entries(now).every(([what, count]) => count <= (atRest[what] ?? 0));
        },
        { describe: () => Promise.resolve(JSON.stringify({ now, atRest })) },
      );
      assert.equal(world.farlet.exitCode(), undefined);
    });
  });

/** Takes a little each second; tells how much it has taken. */
function sip(reader: IncomingMessage): () => number {
  let bytes = 0;
  // without one nothing is read at all
  reader.on('readable', () => undefined);
  const timer = setInterval(() => {
    bytes += (reader.read(BYTES_A_SECOND) as Buffer | null)?.length ?? 0;
  }, 1_000);
  reader.once('close', () => {
    clearInterval(timer);
  });
  return () => bytes;
}

/** Takes whatever comes; tells how much that was. */
function takeAll(reader: IncomingMessage): () => number {
  let bytes = 0;
  reader.on('data', (piece: Buffer) => {
    bytes += piece.length;
  });
  return () => bytes;
}

function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // closed meanwhile
    return '';
  }
}
