import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CriClient } from '../../hosts/cri/calls.ts';
import type { HostAnswer, HostQuery } from '../../hosts/link/link.ts';
import { labels } from '../../model/labels.ts';
import { checkNeighbours } from './neighbours.ts';

function look(
  sandboxes: readonly (readonly [uid: string, node: string | undefined])[],
  there: readonly string[],
) {
  const items = sandboxes.map(([uid, node]) => ({
    metadata: { uid },
    labels: node === undefined ? {} : { [labels.node]: node },
  }));
  const asked: string[] = [];
  const options = {
    cri: { listPodSandbox: () => Promise.resolve({ items }) } as unknown as CriClient,
    files: {
      look: (queries: readonly HostQuery[]): Promise<HostAnswer[]> => {
        asked.push(...queries.map(({ path }) => path));
        const found = { stat: {} } as HostAnswer;
        return Promise.resolve(queries.map(({ path }) => (there.includes(path) ? found : {})));
      },
    },
    node: 'n',
    rootDir: '/var/lib/farlet',
    cgroups: { root: '', driver: 'cgroupfs', layout: { version: 2, controllers: [] } },
  } as const;
  const rows = checkNeighbours(options, { signal: new AbortController().signal });
  return rows.then((all) => ({ rows: all.map(({ what, state, found }) => [what, state, found]), asked }));
}

describe('others’ pods', () => {
  const root = '/var/lib/farlet/pods/u2';
  const cgroup = '/sys/fs/cgroup/kubepods/burstable/podu2';

  it('in rootDir or below the root of cgroups are told of', async () => {
    assert.deepEqual(
      (
        await look(
          [
            ['u1', 'n'],
            ['u2', 'm'],
          ],
          [root, cgroup],
        )
      ).rows,
      [
        ['rootDir', 'warn', 'pods of node m are there already: rootDir /var/lib/farlet'],
        ['cgroupRoot', 'warn', 'pods of node m are there already: cgroupRoot /'],
      ],
    );
  });

  it('of a kubelet count as well', async () => {
    assert.deepEqual((await look([['u2', undefined]], [cgroup])).rows, [
      ['cgroupRoot', 'warn', 'pods of a kubelet are there already: cgroupRoot /'],
    ]);
  });

  it('elsewhere are none of its business, nor are its own', async () => {
    assert.deepEqual((await look([['u2', 'm']], [])).rows, []);
    const own = await look([['u2', 'n']], [root, cgroup]);
    assert.deepEqual(own, { rows: [], asked: [] });
  });

  it('are looked for by some of them, whose UIDs are names', async () => {
    const many = Array.from({ length: 500 }, (_, n) => [`u${String(n)}`, 'm'] as const);
    assert.equal((await look(many, [])).asked.length, 40);
    assert.deepEqual(
      (
        await look(
          [
            ['../../etc', 'm'],
            ['', 'm'],
          ],
          [],
        )
      ).asked,
      [],
    );
  });
});
