import assert from 'node:assert/strict';
import {
  linkSync,
  mkdtempSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { after, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { LocalFiles } from './local-files.ts';

const folder = mkdtempSync(`${tmpdir()}/farlet-look-`);
const files = new LocalFiles({ host: 'box' });
const { signal } = new AbortController();
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('a look at the host', () => {
  it('answers each query by itself, and what is not there with nothing', async () => {
    writeFileSync(`${folder}/f`, 'abc');
    const [text, stat, usage, missing, throughFile] = await files.look(
      [
        { look: 'text', path: `${folder}/f` },
        { look: 'stat', path: `${folder}/f` },
        { look: 'usage', path: folder },
        { look: 'tree', path: `${folder}/nothing` },
        { look: 'text', path: `${folder}/f/x` },
      ],
      { signal },
    );
    assert.equal(text?.text, 'abc');
    assert.equal(stat?.stat?.size, 3);
    assert.ok((usage?.usage?.capacityBytes ?? 0) > 0);
    assert.deepEqual([missing, throughFile], [{}, {}]);
  });

  it('rejects what it was kept from seeing', async () => {
    await assert.rejects(files.look([{ look: 'text', path: folder }], { signal }), { name: 'HostError' });
  });

  it('measures a tree with its hard links once', async () => {
    const tree = `${folder}/tree`;
    mkdirSync(`${tree}/sub`, { recursive: true });
    const [before] = await files.look([{ look: 'tree', path: tree }], { signal });
    assert.equal(before?.tree?.inodes, 2);
    writeFileSync(`${tree}/sub/big`, Buffer.alloc(1_000_000, 1));
    linkSync(`${tree}/sub/big`, `${tree}/again`);
    const [then] = await files.look([{ look: 'tree', path: tree }], { signal });
    assert.equal(then?.tree?.inodes, 3);
    assert.equal(then.tree.bytes - before.tree.bytes >= 1_000_000, true);
    assert.equal(then.tree.bytes - before.tree.bytes < 1_900_000, true);
  });
});

describe('a tree with names that are not text', () => {
  const tree = `${folder}/bytes`;
  const name = Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xff, 0xfe])]);

  it('is measured and removed whole', async () => {
    mkdirSync(tree);
    mkdirSync(name);
    writeFileSync(Buffer.concat([name, Buffer.from([0x2f, 0x80])]), Buffer.alloc(200_000, 1));
    const [answer] = await files.look([{ look: 'tree', path: tree }], { signal });
    assert.equal(answer?.tree?.inodes, 3);
    assert.ok(answer.tree.bytes >= 200_000);
    await files.apply([{ op: 'remove-tree', path: tree }], { signal });
    assert.equal(await files.stat(tree, { signal }), undefined);
  });
});

describe('gzip', () => {
  it('puts the compressed file in place of the file', async () => {
    const path = `${folder}/0.log.20260101-000000`;
    writeFileSync(path, 'line\n'.repeat(1000), { mode: 0o640 });
    await files.apply([{ op: 'gzip', path }], { signal });
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('0.log')),
      ['0.log.20260101-000000.gz'],
    );
    assert.equal(gunzipSync(readFileSync(`${path}.gz`)).toString(), 'line\n'.repeat(1000));
    assert.equal(statSync(`${path}.gz`).mode & 0o777, 0o640);
  });

  it('fails for a file that is not there', async () => {
    await assert.rejects(files.apply([{ op: 'gzip', path: `${folder}/gone` }], { signal }), {
      kind: 'not-found',
    });
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('gone')),
      [],
    );
  });
});
