import assert from 'node:assert/strict';
import { it } from 'node:test';
import { OrphanedFolders } from './orphaned-folders.ts';

it('folders go once they were nobody’s for two rounds, and no sandbox of the runtime has them', async () => {
  const { signal } = new AbortController();
  const present = new Set(['known', 'orphan', 'other-node']);
  let asked = 0;
  const folders = new OrphanedFolders({
    volumes: {
      podFolders: () => Promise.resolve([...present]),
      unmount: (uid) => Promise.resolve(void present.delete(uid)),
    },
    isUnknown: (uid) => uid !== 'known',
    sandboxes: () => {
      asked += 1;
      return Promise.resolve(new Set(['other-node']));
    },
  });
  await folders.collect({ signal });
  assert.deepEqual([present.size, asked], [3, 0]);
  await folders.collect({ signal });
  assert.deepEqual([[...present], asked], [['known', 'other-node'], 1]);
});
