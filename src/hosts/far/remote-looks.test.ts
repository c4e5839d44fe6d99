import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, describe, it } from 'node:test';
import { triedHosts } from '../../testing/far-hosts.ts';
import type { HostQuery } from '../link/link.ts';
import { planLooks } from './remote-looks.ts';

const { signal } = new AbortController();

describe('a plan of looks', () => {
  const stat = (path: string): HostQuery => ({ look: 'stat', path });
  const many = Array.from({ length: 450 }, (_, index) => stat(`/log/${String(index)}`));

  it('asks of many paths at once, and each once', () => {
    const { steps } = planLooks([...many, { look: 'text', path: '/t' }, stat('/log/7')]);
    assert.deepEqual(
      steps.map(({ verb, args }) => `${verb} ${String(args.length)}`),
      ['look_text 1', 'look_stats 200', 'look_stats 200', 'look_stats 50'],
    );
  });

  const line = (size: number, path: string): string => `81a4 ${String(size)} 0 0 1 2 3 ${path}\n`;
  const framed = (...texts: string[]): Buffer =>
    Buffer.from(texts.map((text) => `${String(Buffer.byteLength(text))}\n${text}`).join(''));

  it('knows which path an answer is of', () => {
    const paths = ['/a', '/x /a', '/gone', '/b\n81a4 9 0 0 1 2 3 /c', '/c', '/a'];
    const { parse } = planLooks(paths.map(stat));
    const answers = parse(framed(line(1, '/a') + line(2, '/x /a') + line(3, paths[3] ?? '') + line(4, '/c')));
    assert.deepEqual(
      answers.map((answer) => answer.stat?.size),
      [1, 2, undefined, 3, 4, 1],
    );
  });

  for (const [what, payload] of [
    ['nothing', ''],
    ['no length', 'x\n'],
    ['less than its length', '10\n123'],
  ] as const)
    it(`refuses an answer with ${what}`, () => {
      assert.throws(() => planLooks([stat('/a')]).parse(Buffer.from(payload)), /far host/);
    });
});

const hosts = triedHosts();
after(() => {
  hosts.close();
});
for (const [name, files] of hosts.all)
  describe(`looks at ${name}`, () => {
    const top = mkdtempSync(`${tmpdir()}/farlet-looks-`);
    mkdirSync(`${top}/tree/sub`, { recursive: true });
    writeFileSync(`${top}/tree/sub/big`, Buffer.alloc(300_000, 1));
    writeFileSync(`${top}/with space\n`, 'four');
    symlinkSync('with space\n', `${top}/link`);
    after(() => {
      rmSync(top, { recursive: true });
    });

    it('tell of each what is there', async () => {
      const answers = await files.look(
        [
          { look: 'stat', path: `${top}/none` },
          { look: 'stat', path: `${top}/with space\n` },
          { look: 'tree', path: `${top}/none` },
          { look: 'text', path: `${top}/with space\n` },
          { look: 'stat', path: `${top}/link` },
          { look: 'tree', path: `${top}/tree` },
          { look: 'usage', path: top },
          { look: 'tree', path: `${top}/tree/sub/big` },
        ],
        { signal },
      );
      assert.deepEqual([answers[0], answers[2]], [{}, {}]);
      assert.deepEqual(
        [answers[1]?.stat?.size, answers[3]?.text, answers[4]?.stat?.type],
        [4, 'four', 'file'],
      );
      assert.equal(answers[5]?.tree?.inodes, 3);
      assert.ok(answers[5].tree.bytes >= 300_000 && answers[5].tree.bytes < 350_000);
      assert.ok((answers[6]?.usage?.capacityBytes ?? 0) > 0);
    });
  });
