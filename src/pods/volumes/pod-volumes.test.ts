import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FileInfo, FileOp, HostFiles, MountEntry } from '../../hosts/link/link.ts';
import { HostError, KubeError } from '../../model/errors.ts';
import type { PersistentVolume, Pod, Volume } from '../../model/kube.ts';
import { FakeEvents } from '../../testing/fake-host.ts';
import { FakeClock, pod, settle } from '../../testing/fixtures.ts';
import { PodVolumes } from './pod-volumes.ts';
import type { VolumeObservation } from './volume-observation.ts';
import { VolumeMounter } from './volume-mounter.ts';

const paths = { rootDir: '/r', podLogsDir: '/l', containerLogsDir: '/c' };
const dir = '/r/pods/uid-web';
const folder: FileInfo = {
  type: 'directory',
  size: 0,
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: 0,
  inode: 1,
  device: 1,
};

class World {
  readonly clock = new FakeClock();
  readonly events = new FakeEvents();
  readonly batches: (readonly FileOp[])[] = [];
  readonly observed: string[] = [];
  readonly configMaps = new Map<string, Record<string, string>>();
  readonly stop = new AbortController();
  persistent: PersistentVolume = {};
  phase = 'Bound';
  mounts: MountEntry[] = [];
  lists: Record<string, string[]> = {};
  hold: (ops: readonly FileOp[]) => Promise<unknown> = () => Promise.resolve();
  readonly volumes: PodVolumes;

  constructor() {
    const files: Partial<HostFiles> = {
      apply: async (ops, { signal }) => {
        this.batches.push(ops);
        await this.hold(ops);
        signal.throwIfAborted();
      },
      stat: (path) => Promise.resolve(path.startsWith('/there') ? folder : undefined),
      list: (path) =>
        Promise.resolve(this.lists[path]?.map((name) => ({ name, type: 'directory' as const }))),
      readLink: () => Promise.resolve(undefined),
      realPath: (path) => Promise.resolve(path),
      mounts: () => Promise.resolve(this.mounts),
    };
    const observe = ({ plugin, operation, failed }: VolumeObservation): void => {
      this.observed.push(`${plugin} ${operation}${failed ? ' failed' : ''}`);
    };
    const shared = {
      files: files as HostFiles,
      paths,
      events: this.events,
      clock: this.clock,
      observe,
      signal: this.stop.signal,
      sources: {
        configMap: (_: string, name: string) => {
          const data = this.configMaps.get(name);
          return data === undefined
            ? Promise.reject(
                new KubeError('not-found', `configmap "${name}" not found`, {
                  status: 404,
                  reason: 'NotFound',
                }),
              )
            : Promise.resolve({ data });
        },
        secret: () => Promise.resolve({}),
        token: () => Promise.resolve({ token: 't', renewAt: this.clock.now() + 480_000 }),
        claim: () =>
          Promise.resolve({
            metadata: { uid: 'c1' },
            spec: { volumeName: 'pv' },
            status: { phase: this.phase },
          }),
        persistentVolume: () => Promise.resolve(this.persistent),
      },
    };
    const mounter = new VolumeMounter({
      ...shared,
      node: () => ({ name: 'edge-1', labels: { zone: 'a' }, allocatable: {}, memoryBytes: 1 << 30 }),
      isUsedElsewhere: (name, uid) => this.volumes.isUsedElsewhere(name, uid),
    });
    this.volumes = new PodVolumes({ ...shared, mounter, onReady: () => undefined });
  }

  mount(subject: Pod, { hasSandbox = false }: { hasSandbox?: boolean } = {}) {
    return this.volumes.mount(subject, { signal: this.stop.signal, hasSandbox });
  }

  /** Every step that was taken, as `op path`. */
  steps(): string[] {
    return this.batches.flat().map((op) => `${op.op} ${'path' in op ? op.path : op.to}`);
  }
}

function using(...volumes: Volume[]): Pod {
  return pod({
    spec: {
      volumes,
      containers: [{ name: 'c', volumeMounts: volumes.map(({ name }) => ({ name, mountPath: `/${name}` })) }],
    },
  });
}
const local = (change: NonNullable<PersistentVolume['spec']> = {}): PersistentVolume => ({
  metadata: { name: 'pv', annotations: { 'pv.beta.kubernetes.io/gid': '99' } },
  spec: { claimRef: { uid: 'c1' }, local: { path: '/there' }, ...change },
});
const claim: Volume = { name: 'v', persistentVolumeClaim: { claimName: 'c' } };

describe('the volumes of a pod', () => {
  it('cost nothing once they are ready and unchanged', async () => {
    const world = new World();
    world.configMaps.set('cm', { k: '1' });
    const subject = using({ name: 'e', emptyDir: {} }, { name: 'm', configMap: { name: 'cm' } });
    const mounted = await world.mount(subject);
    assert.equal(mounted.get('e')?.hostPath, `${dir}/volumes/kubernetes.io~empty-dir/e`);
    assert.equal(mounted.get('m')?.readOnly, true);
    const before = world.batches.length;
    await world.mount(subject);
    assert.equal(world.batches.length, before);
    world.configMaps.set('cm', { k: '2' });
    await world.mount(subject);
    assert.equal(world.batches.length, before + 1);
    assert.deepEqual(world.volumes.totals(), [
      { plugin: 'kubernetes.io/empty-dir', wanted: 1, ready: 1 },
      { plugin: 'kubernetes.io/configmap', wanted: 1, ready: 1 },
    ]);
  });

  it('are made again once the pod has no sandbox any more, as after a reboot of the host', async () => {
    const world = new World();
    world.configMaps.set('cm', { k: '1' });
    const subject = using({ name: 'e', emptyDir: {} }, { name: 'm', configMap: { name: 'cm' } });
    const batches = async (hasSandbox: boolean): Promise<number> => {
      world.batches.length = 0;
      const mounted = await world.mount(subject, { hasSandbox });
      assert.deepEqual([...mounted.keys()], ['e', 'm']);
      return world.batches.length;
    };
    const made = await batches(false);
    assert.ok(made > 0);
    // the sandbox fails to start: what was ready is, whatever else of the pod is not
    assert.equal(await batches(false), 0);
    assert.equal(await batches(true), 0);
    assert.equal(await batches(false), made);
    assert.equal(await batches(false), 0);
  });

  it('are told of when they fail, tried again, and hold up no later sync', async () => {
    const world = new World();
    const subject = using({ name: 'm', configMap: { name: 'cm' } });
    const mounting = world.mount(subject);
    await world.clock.advance(400);
    assert.deepEqual(world.events.seen, [
      'Warning FailedMount: MountVolume.SetUp failed for volume "m" : configmap "cm" not found',
    ]);
    world.configMaps.set('cm', { k: '1' });
    world.volumes.retryNow('uid-web');
    await mounting;
    world.configMaps.delete('cm');
    await world.mount(subject);
    assert.equal(world.events.seen.length, 2);
    assert.deepEqual(world.observed, [
      'kubernetes.io/configmap volume_mount failed',
      'kubernetes.io/configmap volume_mount',
      'kubernetes.io/configmap volume_mount failed',
    ]);
  });

  it('that can not be processed are told of with those that are ready by then', async () => {
    const world = new World();
    world.phase = 'Pending';
    world.persistent = local();
    const subject = using({ name: 'e', emptyDir: {} }, claim, {
      name: 'i',
      iscsi: { targetPortal: '', iqn: '', lun: 0 },
    });
    const text =
      'unmounted volumes=[i v], unattached volumes=[], failed to process volumes=[i v]: failed to get Plugin from volumeSpec for volume "i" err=no volume plugin matched: farlet does not support iscsi volumes; error processing PVC default/c: PVC is not bound';
    await assert.rejects(world.mount(subject), { message: text });
    assert.deepEqual(world.events.seen, [`Warning FailedMount: Unable to attach or mount volumes: ${text}`]);
  });

  it('of a claim bring a group, and are checked against the node', async () => {
    const world = new World();
    world.persistent = local();
    assert.equal((await world.mount(using(claim))).get('v')?.gid, 99);
    assert.ok(world.steps().includes(`bind ${dir}/volumes/kubernetes.io~local-volume/pv`));
    const elsewhere = new World();
    const terms = [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['b'] }] }];
    elsewhere.persistent = local({ nodeAffinity: { required: { nodeSelectorTerms: terms } } });
    void elsewhere.mount(using(claim)).catch(() => undefined);
    await settle();
    assert.deepEqual(elsewhere.events.seen, [
      'Warning FailedMount: MountVolume.NodeAffinity check failed for volume "pv" : no matching NodeSelectorTerms',
    ]);
    elsewhere.stop.abort(new Error('over'));
  });

  it('of which only one pod may have one are refused to others', async () => {
    const world = new World();
    world.persistent = local({ accessModes: ['ReadWriteOncePod'] });
    await world.mount(using(claim));
    const other = using(claim);
    void world.mount({ ...other, metadata: { ...other.metadata, uid: 'uid-2' } }).catch(() => undefined);
    await settle();
    assert.match(
      world.events.seen.join(),
      /ReadWriteOncePod access mode and is already in use by another pod/,
    );
    world.stop.abort(new Error('over'));
  });

  it('take as long as they take to be given to a group, which is told after 30 s', async () => {
    const world = new World();
    world.persistent = local();
    const owning = Promise.withResolvers<undefined>();
    world.hold = (ops) => (ops[0]?.op === 'own-tree' ? owning.promise : Promise.resolve());
    const base = using(claim);
    const subject = { ...base, spec: { ...base.spec, securityContext: { fsGroup: 7 } } };
    const mounting = world.mount(subject);
    await world.clock.advance(29_999);
    assert.deepEqual(world.events.seen, []);
    await world.clock.advance(1);
    assert.match(
      world.events.seen.join(),
      /^Warning VolumePermissionChangeInProgress: Setting volume ownership for uid-web\/volumes\/kubernetes.io~local-volume\/pv is taking longer than expected, consider using OnRootMismatch - https/,
    );
    owning.resolve(undefined);
    await mounting;
    assert.ok(world.observed.includes('kubernetes.io/local-volume volume_apply_access_control'));
  });

  it('are not given to another group while another pod has them', async () => {
    const world = new World();
    world.persistent = local();
    world.mounts = [
      { path: '/', device: '8:1', root: '/', type: 'ext4' },
      { path: '/r/pods/other/volumes/x', device: '8:1', root: '/there', type: 'ext4' },
    ];
    const base = using(claim);
    await world.mount({ ...base, spec: { ...base.spec, securityContext: { fsGroup: 7 } } });
    assert.deepEqual(world.events.seen, [
      'Warning AlreadyMountedVolume: The requested fsGroup is 7, but the volume pv has GID 0. The volume may not be shareable.',
    ]);
    assert.ok(!world.steps().some((step) => step.startsWith('own-tree')));
  });

  it('are unmounted after what is under way has ended', async () => {
    const world = new World();
    const mount = Promise.withResolvers<undefined>();
    world.hold = (ops) => (ops.some(({ op }) => op === 'mount') ? mount.promise : Promise.resolve());
    const nfs: Volume = { name: 'n', nfs: { server: 's', path: '/e' } };
    const mounting = world.mount(using({ name: 'e', emptyDir: { medium: 'Memory' } }, nfs));
    mounting.catch(() => undefined);
    await settle();
    const unmounting = world.volumes.unmount('uid-web', { signal: world.stop.signal });
    await settle();
    assert.ok(!world.steps().some((step) => step.startsWith('unmount')));
    mount.resolve(undefined);
    await unmounting;
    await assert.rejects(mounting, { message: 'the pod is unmounted' });
    assert.deepEqual(world.steps().slice(-2), [`unmount ${dir}`, `remove-tree ${dir}`]);
    assert.deepEqual(world.observed.at(-1), 'kubernetes.io/empty-dir volume_unmount');
    assert.deepEqual(world.volumes.totals(), []);
  });

  it('of pods that only the disk remembers are counted by their folders', async () => {
    const world = new World();
    world.lists = {
      [`${dir}/volumes`]: ['kubernetes.io~nfs', 'kubernetes.io~secret'],
      [`${dir}/volumes/kubernetes.io~nfs`]: ['a', 'b'],
      [`${dir}/volumes/kubernetes.io~secret`]: [],
    };
    world.hold = () => Promise.reject(new HostError('conflict', 'box', 'busy'));
    await assert.rejects(world.volumes.unmount('uid-web', { signal: world.stop.signal }), {
      message: 'busy',
    });
    assert.deepEqual(
      world.observed,
      Array.from({ length: 2 }, () => 'kubernetes.io/nfs volume_unmount failed'),
    );
  });

  it('are looked after again when a token is due', async () => {
    const world = new World();
    const subject = using({
      name: 't',
      projected: { sources: [{ serviceAccountToken: { path: 'token' } }] },
    });
    await world.mount(subject);
    assert.equal(world.volumes.renewAt('uid-web'), world.clock.now() + 480_000);
    assert.equal(world.volumes.renewAt('nobody'), undefined);
  });
});
