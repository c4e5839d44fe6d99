/** On real mounts, with somebody who turns a link out and in all the time: as root only. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import { LocalFiles } from '../../hosts/unix/local-files.ts';
import { kindOf } from '../../model/errors.ts';
import { pod, quietLog } from '../../testing/fixtures.ts';
import { SubPaths } from './sub-paths.ts';

/** Renames are atomic: there always is a link, that leads now in, now out. */
const swap = `
cd "$1"
while :; do
  ln -s "$2" next && mv -T next part
  ln -s real next && mv -T next part
done`;

describe('a part of a volume', { skip: process.getuid?.() !== 0 && 'only root may mount' }, () => {
  it('never shows what lies outside, wherever links lead meanwhile', async () => {
    const root = mkdtempSync(`${tmpdir()}/farlet-race-`);
    const { signal } = new AbortController();
    const files = new LocalFiles({ host: 'box' });
    const paths = { rootDir: root, podLogsDir: root, containerLogsDir: root };
    for (const name of ['volume/real/in', 'outside/in', 'pods/uid-web'])
      mkdirSync(`${root}/${name}`, { recursive: true });
    writeFileSync(`${root}/outside/secret`, '');
    symlinkSync('real', `${root}/volume/part`);
    const swapper = spawn('sh', ['-c', swap, 'sh', `${root}/volume`, `${root}/outside`], { stdio: 'ignore' });
    try {
      const subPaths = new SubPaths({ files, paths, log: quietLog });
      for (let index = 0; index < 12; index += 1) {
        const request = {
          pod: pod(),
          container: { name: 'c' },
          mounts: [{ index, volume: 'v', subPath: index % 2 === 0 ? 'part/made' : 'part/in' }],
          volumes: new Map([['v', { hostPath: `${root}/volume` }]]),
        };
        const prepared = await subPaths.prepareSubPaths(request, { signal }).catch((error: unknown) => error);
        if (prepared instanceof Error) assert.equal(kindOf(prepared), 'forbidden');
        assert.equal(existsSync(`${root}/outside/made`), false, 'nothing is made outside');
      }
      const shown = (await files.mounts({ signal })).filter(({ path }) => path.startsWith(`${root}/pods/`));
      for (const mount of shown) assert.match(mount.root, /\/volume\/real\/(made|in)$/);
      assert.deepEqual(readdirSync(`${root}/outside`).sort(), ['in', 'secret']);
    } finally {
      swapper.kill('SIGKILL');
      await files.apply([{ op: 'unmount', path: `${root}/pods` }], { signal });
      files.close();
      rmSync(root, { recursive: true });
    }
  });
});
