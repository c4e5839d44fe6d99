import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { FileOp } from './link/link.ts';
import { HostFolders } from './host-folders.ts';

const { signal } = new AbortController();

it('folders that can not be made are a problem until they are', async () => {
  const made: string[] = [];
  let changes = 0;
  let failure: Error | undefined = new Error('read-only file system');
  const folders = new HostFolders({
    files: {
      apply: (ops: readonly FileOp[]) => {
        if (failure !== undefined) return Promise.reject(failure);
        for (const op of ops) if ('path' in op) made.push(`${op.op} ${op.path}`);
        return Promise.resolve();
      },
    },
    paths: { rootDir: '/root-dir', podLogsDir: '/pod-logs', containerLogsDir: '/logs' },
    onChange: () => (changes += 1),
  });
  for (let tries = 0; tries < 2; tries += 1) await assert.rejects(folders.make(signal), failure);
  assert.equal(folders.problem, "folders can't be made: read-only file system");
  assert.equal(changes, 1);
  failure = undefined;
  await folders.make(signal);
  assert.equal(folders.problem, undefined);
  assert.equal(changes, 2);
  assert.deepEqual(made, [
    'mkdir /logs',
    'mkdir /pod-logs',
    'mkdir /root-dir',
    'mkdir /root-dir/pods',
    'spread /pod-logs',
    'spread /root-dir/pods',
  ]);
});
