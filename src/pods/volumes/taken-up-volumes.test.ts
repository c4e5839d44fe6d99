import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FileOp, FileType, HostFiles } from '../../hosts/link/link.ts';
import { FarletError } from '../../model/errors.ts';
import type { Pod, Volume } from '../../model/kube.ts';
import { FakeClock, pod } from '../../testing/fixtures.ts';
import { WrittenVolumes } from './written-volumes.ts';

const { signal } = new AbortController();
const TOKEN_MS = 48 * 60_000;

/** The host's files, as far as volumes need them, and how often something is asked of them. */
class Disk {
  readonly entries = new Map<string, { type: FileType; text: string }>();
  readonly asked: string[] = [];

  readonly files: Pick<HostFiles, 'apply' | 'readLink' | 'list' | 'readFile'> = {
    apply: (ops) => {
      this.asked.push('apply');
      for (const op of ops) this.#perform(op);
      return Promise.resolve();
    },
    readLink: (path) => {
      this.asked.push('readLink');
      return Promise.resolve(this.entries.get(path)?.text);
    },
    list: (path) => {
      this.asked.push('list');
      const below = [...this.entries].filter(([at]) => at.slice(0, at.lastIndexOf('/')) === path);
      return Promise.resolve(below.map(([at, { type }]) => ({ name: at.slice(path.length + 1), type })));
    },
    readFile: (path) => {
      this.asked.push('readFile');
      const file = this.entries.get(path);
      assert.ok(file);
      return Promise.resolve(Buffer.from(file.text));
    },
  };

  #perform(op: FileOp): void {
    switch (op.op) {
      case 'mkdir':
        this.entries.set(op.path, { type: 'directory', text: '' });
        return;
      case 'write':
        this.entries.set(op.path, { type: 'file', text: op.data.toString() });
        return;
      case 'symlink':
        this.entries.set(op.path, { type: 'symlink', text: op.target });
        return;
      case 'rename': {
        const moved = this.entries.get(op.from);
        assert.ok(moved);
        this.entries.delete(op.from);
        this.entries.set(op.to, moved);
        return;
      }
      case 'remove':
        this.entries.delete(op.path);
        return;
      case 'remove-tree':
        for (const path of this.entries.keys())
          if (path === op.path || path.startsWith(`${op.path}/`)) this.entries.delete(path);
        return;
      case 'mount-tmpfs':
        return;
      default:
        assert.fail(op.op);
    }
  }
}

class World {
  readonly disk = new Disk();
  clock = new FakeClock();
  config: Readonly<Record<string, string>> = { ca: 'x' };
  hasSecret = true;
  tokens = 0;

  /** One run of farlet. */
  start(started: Pod) {
    const volumes = new WrittenVolumes({
      files: this.disk.files as HostFiles,
      clock: this.clock,
      sources: {
        configMap: () => Promise.resolve({ data: this.config }),
        secret: () =>
          this.hasSecret
            ? Promise.resolve({ data: { s: Buffer.from('secret').toString('base64') } })
            : Promise.reject(new FarletError('not-found', 'no such secret')),
        token: () => {
          this.tokens += 1;
          return Promise.resolve({
            token: `token ${String(this.tokens)}`,
            renewAt: this.clock.now() + TOKEN_MS,
          });
        },
      },
      node: () => ({ allocatable: {}, memoryBytes: 1 << 30 }),
    });
    let before: Parameters<WrittenVolumes['setUp']>[0]['before'];
    return async (volume: Volume): Promise<number | undefined> => {
      this.disk.asked.length = 0;
      const made = await volumes.setUp(
        { pod: started, name: volume.name, path: '/v', volume, above: [], before },
        { signal },
      );
      before = made.written;
      return made.renewAt;
    };
  }

  /** What a container sees. */
  shown(): Record<string, string | undefined> {
    const folder = this.disk.entries.get('/v/..data')?.text ?? '';
    const names = [...this.disk.entries].filter(
      ([path, { type }]) => type === 'symlink' && path !== '/v/..data',
    );
    return Object.fromEntries(
      names.map(([path, { text }]) => {
        assert.ok(text.startsWith('..data/'));
        return [path.slice(3), this.disk.entries.get(`/v/${folder}/${text.slice(7)}`)?.text];
      }),
    );
  }
}

const token = { serviceAccountToken: { path: 'token' } };
const configMap = { configMap: { name: 'c' } };
const access: Volume = { name: 'v', projected: { sources: [token, configMap] } };
const plain: Volume = { name: 'v', configMap: { name: 'c' } };
const secret: Volume = { name: 'v', secret: { secretName: 's' } };
const mixed: Volume = { name: 'v', projected: { sources: [token, { secret: { name: 's' } }] } };

const absent = { secret: { name: 's', optional: true } };
const optional: Volume = { name: 'v', projected: { sources: [token, absent] } };
const nested: Volume = { name: 'outer', projected: { sources: [token] } };

const base = pod();
const isNew: Pod = {
  ...base,
  spec: {
    ...base.spec,
    containers: base.spec.containers.map((each) => ({
      ...each,
      volumeMounts: [
        { name: 'outer', mountPath: '/outer' },
        { name: 'inner', mountPath: '/outer/inner' },
      ],
    })),
  },
};
const wasHere: Pod = { ...isNew, status: { startTime: '2026-01-01T00:00:00Z' } };

type Change = (world: World) => void | Promise<void>;
const nothing: Change = () => undefined;
const leftAlone = ['readLink', 'list'];
const writtenAnew = ['readLink', 'list', 'apply'];
const readBack = ['readLink', 'apply', 'list', 'list', 'readFile'];
const cases: [
  name: string,
  volume: Volume,
  change: Change,
  asked: readonly string[],
  tokens: number,
  shows: Readonly<Record<string, string>>,
][] = [
  [
    'with a token that serves still is left as it is',
    access,
    ({ clock }) => clock.advance(TOKEN_MS - 2),
    leftAlone,
    1,
    { ca: 'x', token: 'token 1' },
  ],
  [
    'whose token is to be renewed is written anew',
    access,
    ({ clock }) => clock.advance(TOKEN_MS - 1),
    writtenAnew,
    2,
    { ca: 'x', token: 'token 2' },
  ],
  [
    'whose other contents have changed is written anew',
    access,
    (world) => {
      world.config = { ca: 'y' };
    },
    writtenAnew,
    2,
    { ca: 'y', token: 'token 2' },
  ],
  [
    'of which a name was not linked yet is made whole',
    access,
    ({ disk }) => {
      disk.entries.delete('/v/ca');
    },
    writtenAnew,
    2,
    { ca: 'x', token: 'token 2' },
  ],
  [
    'whose tmpfs went with a reboot is made anew',
    access,
    ({ disk }) => {
      disk.entries.clear();
    },
    ['readLink', 'apply', 'apply'],
    2,
    { ca: 'x', token: 'token 2' },
  ],
  [
    'whose name states a time that no token has is written anew',
    access,
    (world) => {
      world.clock = new FakeClock(world.clock.now() - 24 * 3_600_000);
    },
    writtenAnew,
    2,
    { ca: 'x', token: 'token 2' },
  ],
  [
    'of which a name is too many, since a removal was not finished, is written anew',
    access,
    ({ disk }) => {
      disk.entries.set('/v/gone', { type: 'symlink', text: '..data/gone' });
    },
    writtenAnew,
    2,
    { ca: 'x', token: 'token 2' },
  ],
  [
    'whose version is gone is made anew',
    access,
    ({ disk }) => {
      const folder = disk.entries.get('/v/..data')?.text ?? '';
      for (const path of disk.entries.keys()) if (path.startsWith(`/v/${folder}`)) disk.entries.delete(path);
    },
    ['readLink', 'list', 'apply', 'list', 'apply'],
    2,
    { ca: 'x', token: 'token 2' },
  ],
  [
    'that others are mounted in has its folders made',
    nested,
    nothing,
    ['readLink', 'apply', 'list', 'apply'],
    2,
    { token: 'token 2' },
  ],
  [
    'of the pod’s own fields is left as it is',
    { name: 'v', downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
    nothing,
    leftAlone,
    0,
    { name: isNew.metadata.name },
  ],
  [
    'of a ConfigMap, on a disk, is read: the loss of power may have torn its files',
    plain,
    nothing,
    readBack,
    0,
    { ca: 'x' },
  ],
  ['of a Secret is read, since its name says nothing', secret, nothing, readBack, 0, { s: 'secret' }],
  [
    'of a Secret and a token is written anew',
    mixed,
    nothing,
    ['readLink', 'apply', 'list', 'apply'],
    2,
    { s: 'secret', token: 'token 2' },
  ],
  [
    'of a Secret that has come since is written anew',
    optional,
    (world) => {
      world.hasSecret = true;
    },
    writtenAnew,
    2,
    { s: 'secret', token: 'token 2' },
  ],
];

describe('a volume of a pod that ran before farlet started', () => {
  for (const [name, volume, change, asked, tokens, shows] of cases)
    it(name, async () => {
      const world = new World();
      world.hasSecret = volume !== optional;
      await world.start(isNew)(volume);
      await change(world);
      // no two runs begin in the same moment
      await world.clock.advance(1);
      await world.start(wasHere)(volume);
      assert.deepEqual(world.disk.asked, asked);
      assert.equal(world.tokens, tokens);
      assert.deepEqual(world.shown(), shows);
    });

  it('keeps its token until that is to be renewed, whatever is looked at meanwhile', async () => {
    const world = new World();
    const first = await world.start(isNew)(access);
    const show = world.start(wasHere);
    assert.equal(await show(access), first);
    assert.equal(await show(access), first);
    assert.deepEqual([world.tokens, world.disk.asked], [1, []]);
    await world.clock.advance(TOKEN_MS);
    assert.equal(await show(access), world.clock.now() + TOKEN_MS);
    assert.deepEqual(world.shown(), { ca: 'x', token: 'token 2' });
  });

  it('is one of a new pod where nobody has begun with it: nothing is looked for in advance', async () => {
    const world = new World();
    await world.start(isNew)(access);
    assert.deepEqual(world.disk.asked, ['apply', 'readLink', 'apply']);
  });
});
