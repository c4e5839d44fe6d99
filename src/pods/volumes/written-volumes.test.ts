import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FileOp, HostFiles } from '../../hosts/link/link.ts';
import type { Volume } from '../../model/kube.ts';
import { FakeClock, pod } from '../../testing/fixtures.ts';
import { WrittenVolumes } from './written-volumes.ts';

const { signal } = new AbortController();
const before = '..2026_01_02_03_04_05.x';

/** A volume at /v as an earlier farlet left it, with files in its version's folder. */
function setUp(written: Readonly<Record<string, string>>) {
  const applied: string[] = [];
  const read: string[] = [];
  const files: Partial<HostFiles> = {
    apply: (ops: readonly FileOp[]) => {
      applied.push(...ops.map((op) => `${op.op} ${'path' in op ? op.path : op.to}`));
      return Promise.resolve();
    },
    readLink: () => Promise.resolve(before),
    list: (path) =>
      Promise.resolve(
        Object.keys(written).map((name) => ({ name, type: path === '/v' ? 'symlink' : 'file' }) as const),
      ),
    readFile: (path) => {
      read.push(path);
      return Promise.resolve(Buffer.from(written[path.slice(`/v/${before}/`.length)] ?? ''));
    },
  };
  const volumes = new WrittenVolumes({
    files: files as HostFiles,
    clock: new FakeClock(),
    sources: {
      configMap: () => Promise.resolve({ data: { a: 'x' } }),
      secret: () => Promise.reject(new Error('no secret is asked for')),
      token: () => Promise.resolve({ token: 'new', renewAt: 5 }),
    },
    node: () => ({ allocatable: {}, memoryBytes: 1 << 30 }),
  });
  const mount = (volume: Volume) =>
    volumes.setUp({ pod: pod(), name: 'v', path: '/v', volume, above: [], before: undefined }, { signal });
  const changes = (): string[] => applied.filter((step) => /^(write|remove|remove-tree|rename) /.test(step));
  return { mount, changes, read };
}

describe('volumes that farlet writes, after a restart', () => {
  it('are left as they are where nothing has changed', async () => {
    const { mount, changes, read } = setUp({ a: 'x' });
    await mount({ name: 'v', configMap: { name: 'c' } });
    assert.deepEqual(read, [`/v/${before}/a`]);
    assert.deepEqual(changes(), []);
  });

  it('are written anew where something has', async () => {
    const { mount, changes } = setUp({ a: 'y' });
    await mount({ name: 'v', configMap: { name: 'c' } });
    assert.equal(changes().length, 3);
  });

  it('are not read where they hold a token, which is another one; what was there before goes', async () => {
    const { mount, changes, read } = setUp({ token: 'old', gone: 'x' });
    const sources = [{ serviceAccountToken: { path: 'token' } }];
    const { written, renewAt } = await mount({ name: 'v', projected: { sources } });
    assert.deepEqual(read, []);
    assert.equal(renewAt, 5);
    assert.deepEqual(written?.version.names, ['token']);
    assert.deepEqual(changes(), [
      `write /v/${written.version.folder}/token`,
      'rename /v/..data',
      'remove /v/gone',
      `remove-tree /v/${before}`,
    ]);
  });
});
