import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, describe, it } from 'node:test';
import { LocalFiles } from '../../hosts/unix/local-files.ts';
import { kindOf } from '../../model/errors.ts';
import { envFileKey, readEnvFiles } from './env-files.ts';

const { signal } = new AbortController();

describe('files of variables in volumes', () => {
  const top = mkdtempSync(`${tmpdir()}/farlet-env-`);
  const root = `${top}/volume`;
  mkdirSync(root);
  writeFileSync(`${top}/secret`, "A='outside'");
  writeFileSync(`${root}/file`, "A='inside'");
  symlinkSync('file', `${root}/link`);
  symlinkSync('../secret', `${root}/out`);
  execFileSync('mkfifo', [`${root}/fifo`]);
  after(() => {
    rmSync(top, { recursive: true });
  });

  for (const [path, wanted] of [
    ['file', "A='inside'"],
    ['link', "A='inside'"],
    ['out', 'not-found'],
    ['fifo', 'invalid'],
    ['.', 'invalid'],
  ] as const)
    it(`of ${path}: ${wanted}`, async () => {
      const ref = { volumeName: 'v', path, key: 'A' };
      const container = { name: 'c', image: 'x', env: [{ name: 'X', valueFrom: { fileKeyRef: ref } }] };
      const volumes = new Map([['v', { hostPath: root, readOnly: false }]]);
      const files = new LocalFiles({ host: 'box' });
      const found = (await readEnvFiles(container, { volumes, files }, { signal })).get(envFileKey(ref));
      assert.ok(found !== undefined);
      assert.equal('error' in found ? kindOf(found.error) : found.value.text, wanted);
    });
});
