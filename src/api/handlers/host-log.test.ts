import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { LocalFiles } from '../../hosts/unix/local-files.ts';
import type { HostLog } from '../server/backend.ts';
import { FakeClock } from '../../testing/fixtures.ts';
import { readHostLog } from './host-log.ts';

describe('a log of the host', () => {
  const folder = mkdtempSync(`${tmpdir()}/farlet-host-log-`);
  const root = `${folder}/log`;
  before(() => {
    mkdirSync(`${root}/pods`, { recursive: true });
    writeFileSync(`${root}/pods/0.log`, 'inside\n');
    writeFileSync(`${folder}/secret`, 'outside\n');
    writeFileSync(`${folder}/log-of-others`, 'outside\n');
    symlinkSync('pods/0.log', `${root}/short.log`);
    symlinkSync(`${folder}/secret`, `${root}/way-out`);
    symlinkSync('../log-of-others', `${root}/beside`);
    symlinkSync('..', `${root}/up`);
    symlinkSync('nowhere', `${root}/dangling`);
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  const read = (path: string): Promise<HostLog | undefined> =>
    readHostLog(new LocalFiles({ host: 'box' }), path, {
      signal: AbortSignal.timeout(10_000),
      clock: new FakeClock(),
      root,
    });
  const text = async (path: string): Promise<string | undefined> => {
    const log = await read(path);
    if (log?.type !== 'file') return log?.type;
    const pieces: Buffer[] = [];
    for await (const piece of log.content) pieces.push(piece);
    return Buffer.concat(pieces).toString();
  };

  const rows: { path: string; gives: string | undefined }[] = [
    { path: 'pods/0.log', gives: 'inside\n' },
    { path: 'short.log', gives: 'inside\n' },
    { path: 'pods/', gives: 'folder' },
    { path: '', gives: 'folder' },
    { path: 'way-out', gives: undefined },
    { path: 'beside', gives: undefined },
    { path: 'up', gives: undefined },
    { path: 'up/secret', gives: undefined },
    { path: 'dangling', gives: undefined },
    { path: 'none', gives: undefined },
  ];
  for (const { path, gives } of rows)
    it(`'${path}' is ${gives === undefined ? 'not found' : JSON.stringify(gives)}`, async () => {
      assert.equal(await text(path), gives);
    });
});
