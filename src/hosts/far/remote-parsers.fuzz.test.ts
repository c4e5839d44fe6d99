/** What a far host may answer, and what lies on hosts: nothing of it does more than fail its own request. */
import assert from 'node:assert/strict';
import { Duplex, PassThrough } from 'node:stream';
import { describe } from 'node:test';
import fc from 'fast-check';
import { HostError } from '../../model/errors.ts';
import { atOnce, FakeClock } from '../../testing/fixtures.ts';
import { damaged, fuzz, hostileBytes } from '../../testing/fuzz.ts';
import { checkHostKey, knownKeyTypes, parseKnownHosts } from '../ssh/known-hosts.ts';
import type { HostQuery } from '../link/link.ts';
import { mountsAtOrBelow, parseMountinfo } from './mountinfo.ts';
import { RemoteAgent } from './remote-agent.ts';
import { encodeArgument, parseAnswer } from './remote-encoding.ts';
import { planLooks } from './remote-looks.ts';
import { remoteProgram } from './remote-program.ts';
import { parseUsageAnswer } from './parse-usage.ts';
import { usageColumns } from './usage-program.ts';
import { parseList, parseStat, parseUsage, parseWatched } from './remote-queries.ts';

/** May throw, but only errors that say what is wrong, never one of the language. */
function contained(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof Error && error.constructor === Error, String(error));
  }
}

const queries: HostQuery[] = [
  { look: 'text', path: '/t' },
  { look: 'usage', path: '/u' },
  { look: 'stat', path: '/a' },
  { look: 'stat', path: '/b' },
  { look: 'tree', path: '/c' },
];
const looked = Buffer.from(
  '3\nabc18\n4096 9 8 7 6 5 /u\n26\n81a4 3 0 0 17 5 2049 /a\n/b\n6\n40\t/c\n5\n3\t/c\n',
);
const used = Buffer.from(
  `V2\nT\t/proc/uptime\t12.5 3\nT\t/proc/net/dev\tlo: 1 2 3 4 5 6 7 8 9 10 11 12\nG\t/a${usageColumns[2].map(({ how }) => (how === 'lines' ? '\tsome avg10=0.00 avg60=0.00 avg300=0.00 total=3;8:0 rbytes=1 wbytes=2 rios=3 wios=4' : '\t1 2')).join('')}\nN\t/a\teth0: 1 2 3 4 5 6 7 8 9 10 11 12\nE\n`,
);
const line =
  'host,[10.0.0.1]:2222 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh\n';
const mounts = '36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n';

describe('the words of hosts', () => {
  fuzz('answers to looks', fc.oneof(hostileBytes(), damaged(looked)), (bytes) => {
    contained(() => planLooks(queries).parse(bytes));
  });
  fuzz('what a host uses', fc.oneof(hostileBytes(), damaged(used)), (bytes) => {
    contained(() => {
      const { usage } = atOnce(parseUsageAnswer(bytes));
      for (const group of usage.groups.values())
        for (const value of Object.values(group))
          assert.ok(typeof value !== 'number' || (Number.isFinite(value) && value >= 0));
    });
  });
  fuzz('statuses of answers', hostileBytes(512), (bytes) => parseAnswer(bytes.toString(), bytes));
  fuzz(
    'answers to a watch',
    fc.oneof(hostileBytes(), damaged(Buffer.from('p 1\x001 2\n3\nabc'))),
    (bytes) => {
      contained(() => parseWatched(bytes, { folders: 1, files: 1 }));
    },
  );
  fuzz('stats, lists and usages', hostileBytes(512), (bytes) => {
    contained(() => parseStat(bytes.toString()));
    parseList(bytes);
    contained(() => parseUsage(bytes.toString()));
  });
  fuzz('words for a far shell', fc.string({ unit: 'binary' }), (text) => {
    assert.match(encodeArgument(text), /^[A-Za-z0-9._/:@%+,=~\\-]+$/);
  });
  fuzz('known_hosts', fc.oneof(hostileBytes(), damaged(Buffer.from(line))), (bytes) => {
    const entries = parseKnownHosts(bytes.toString());
    const name = { host: 'host', port: 22 };
    knownKeyTypes(entries, name);
    const verdict = checkHostKey(entries, name, Buffer.from('no key'));
    assert.equal(verdict.ok, false);
  });
  fuzz(
    'patterns of known_hosts',
    fc
      .stringMatching(/^[*?a!,.-]{1,200}$/)
      .map((pattern) => `${pattern} ${line.split(' ').slice(1).join(' ')}`),
    (text) => checkHostKey(parseKnownHosts(text), { host: 'a'.repeat(60), port: 22 }, Buffer.alloc(8)),
  );
  fuzz('mountinfo', fc.oneof(hostileBytes(), damaged(Buffer.from(mounts))), (bytes) => {
    for (const { path, device } of parseMountinfo(bytes.toString()))
      assert.equal(typeof path + typeof device, 'stringstring');
    mountsAtOrBelow(parseMountinfo(bytes.toString()), '/mnt');
  });
  fuzz(
    'what a shell says before, behind and in place of its answers',
    fc.record({
      before: hostileBytes(300),
      answers: fc.array(fc.oneof(hostileBytes(300), fc.constant(undefined)), { maxLength: 6 }),
    }),
    async ({ before, answers }) => {
      const sent: Buffer[] = [];
      const stream = new Duplex({
        read: () => undefined,
        write: (chunk: Buffer, _encoding, done) => {
          sent.push(chunk);
          done();
        },
      });
      const agent = new RemoteAgent({
        host: 'box',
        channel: { stream, stderr: new PassThrough() },
        clock: new FakeClock(),
        onEnd: () => undefined,
      });
      const key = Buffer.concat(sent).subarray(remoteProgram.length).toString().trim();
      stream.push(Buffer.concat([before, Buffer.from(`farlet ${key} ready 1 2\n`)]));
      await agent.ready;
      const outcomes = answers.map(() =>
        agent.ask([{ verb: 'sync', args: [] }], 1_000).then(
          ({ ok }) => ok,
          (error: unknown) => {
            assert.ok(error instanceof HostError);
          },
        ),
      );
      for (const [index, bytes] of answers.entries())
        stream.push(
          Buffer.concat([bytes ?? Buffer.alloc(0), Buffer.from(`\n${key} ${String(index + 1)} ok \n`)]),
        );
      await new Promise((resolve) => setImmediate(resolve));
      agent.close();
      assert.equal((await Promise.all(outcomes)).length, answers.length);
    },
    { runs: 60, isAsync: true },
  );
});
