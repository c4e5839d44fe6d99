import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FileOp, HostFiles, HostQuery } from '../../hosts/link/link.ts';
import { LogLinks } from './log-links.ts';

const { signal } = new AbortController();
const id = (name: string): string => name.repeat(64);
const link = (name: string): string => `p_ns_c-${id(name)}.log`;

/** `alive`: those that lead to a file. */
function stage(
  names: readonly string[],
  { alive = [], running = [] }: { alive?: string[]; running?: string[] },
) {
  const looked: string[][] = [];
  const removed: string[] = [];
  const files: Pick<HostFiles, 'list' | 'look' | 'apply'> = {
    list: () => Promise.resolve(names.map((name) => ({ name, type: 'symlink' }))),
    look: (queries: readonly HostQuery[]) => {
      looked.push(queries.map(({ path }) => path));
      return Promise.resolve(
        queries.map(({ path }) =>
          alive.some((name) => path === `/logs/${name}`) ? { stat: {} as never } : {},
        ),
      );
    },
    apply: (ops: readonly FileOp[]) => {
      removed.push(...ops.map((op) => ('path' in op ? op.path : '')));
      return Promise.resolve();
    },
  };
  const links = new LogLinks({ files, folder: '/logs', running: () => new Set(running) });
  return { links, looked, removed };
}

describe('links of container logs', () => {
  it('one that leads nowhere goes when it is seen for the second time', async () => {
    const { links, removed } = stage([link('a'), link('b')], { alive: [link('b')] });
    await links.clean({ signal });
    assert.deepEqual(removed, []);
    await links.clean({ signal });
    assert.deepEqual(removed, [`/logs/${link('a')}`]);
  });

  it('asks nothing of those whose container runs, and of what is no log', async () => {
    const { links, looked, removed } = stage([link('a'), 'notes.txt'], { running: [id('a')] });
    await links.clean({ signal });
    await links.clean({ signal });
    assert.deepEqual([looked, removed], [[], []]);
  });

  it('looks at many in several goes', async () => {
    const { links, looked } = stage(
      Array.from({ length: 1_100 }, (_, index) => `p_ns_c${String(index)}-x.log`),
      {},
    );
    await links.clean({ signal });
    assert.deepEqual(
      looked.map((each) => each.length),
      Array.from({ length: 11 }, () => 100),
    );
  });
});
