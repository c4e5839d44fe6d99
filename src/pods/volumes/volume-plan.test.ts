import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PersistentVolume, Volume } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import { missingDriver } from './csi.ts';
import { planVolume, usedVolumes } from './volume-plan.ts';

const paths = { rootDir: '/r', podLogsDir: '/l', containerLogsDir: '/c' };
const dir = '/r/pods/uid-web/volumes/kubernetes.io~';
const plan = (volume: Omit<Volume, 'name'>) =>
  planVolume(pod(), { name: 'v', ...volume }, { paths, bound: undefined });
const planPersistent = (spec: NonNullable<PersistentVolume['spec']>, readOnly = false) =>
  planVolume(
    pod(),
    { name: 'v', persistentVolumeClaim: { claimName: 'c' } },
    { paths, bound: { volume: { metadata: { name: 'pv' }, spec }, readOnly } },
  );

describe('volumes of a pod', () => {
  it('are made only if some container uses them', () => {
    const subject = pod({
      spec: {
        volumes: ['a', 'b', 'c', 'd'].map((name) => ({ name })),
        initContainers: [{ name: 'i', volumeMounts: [{ name: 'a', mountPath: '/a' }] }],
        containers: [{ name: 'c', volumeDevices: [{ name: 'b', devicePath: '/b' }] }],
        ephemeralContainers: [{ name: 'e', volumeMounts: [{ name: 'd', mountPath: '/d' }] }],
      },
    });
    assert.deepEqual(
      usedVolumes(subject).map(({ volume, mounted, mapped }) => [volume.name, mounted, mapped]),
      [
        ['a', true, false],
        ['b', false, true],
        ['d', true, false],
      ],
    );
  });

  const inline: [name: string, volume: Omit<Volume, 'name'>, plugin: string, work: object][] = [
    [
      'emptyDir',
      { emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
      'empty-dir',
      { kind: 'empty-dir', path: `${dir}empty-dir/v`, medium: 'Memory', sizeLimit: '1Mi' },
    ],
    [
      'nothing',
      {},
      'empty-dir',
      { kind: 'empty-dir', path: `${dir}empty-dir/v`, medium: '', sizeLimit: undefined },
    ],
    [
      'hostPath',
      { hostPath: { path: '/h', type: 'File' } },
      'host-path',
      { kind: 'host-path', path: '/h', type: 'File', readOnly: false },
    ],
    [
      'nfs',
      { nfs: { server: 's', path: '/e', readOnly: true } },
      'nfs',
      { kind: 'nfs', path: `${dir}nfs/v`, server: 's', exportPath: '/e', readOnly: true, mountOptions: [] },
    ],
    ['image', { image: { reference: 'i' } }, 'image', { kind: 'image' }],
    ['csi', { csi: { driver: 'd' } }, 'csi:d', { kind: 'csi', driver: 'd', persistent: false, block: false }],
    [
      'a disk that CSI took over',
      { gcePersistentDisk: { pdName: 'p' } },
      'csi:pd.csi.storage.gke.io',
      { kind: 'csi', driver: 'pd.csi.storage.gke.io', persistent: false, block: false },
    ],
  ];
  for (const [name, volume, plugin, work] of inline)
    it(`of ${name}`, () => {
      const planned = plan(volume);
      assert.deepEqual([planned.plugin, planned.work], [`kubernetes.io/${plugin}`, work]);
    });

  it('that farlet writes lie in a folder of their kind', () => {
    for (const [volume, kind] of [
      [{ configMap: {} }, 'configmap'],
      [{ secret: {} }, 'secret'],
      [{ downwardAPI: {} }, 'downward-api'],
      [{ projected: {} }, 'projected'],
    ] as const) {
      const { plugin, work } = plan(volume);
      assert.equal(plugin, `kubernetes.io/${kind}`);
      assert.partialDeepStrictEqual(work, { kind, path: `${dir}${kind}/v` });
    }
  });

  const persistent: [
    name: string,
    spec: NonNullable<PersistentVolume['spec']>,
    plugin: string,
    work: object,
  ][] = [
    [
      'hostPath',
      { hostPath: { path: '/h' } },
      'host-path',
      { kind: 'host-path', path: '/h', type: '', readOnly: true },
    ],
    [
      'local',
      { local: { path: '/d' }, mountOptions: ['noatime'] },
      'local-volume',
      {
        kind: 'local',
        path: `${dir}local-volume/pv`,
        source: '/d',
        readOnly: true,
        mountOptions: ['noatime'],
      },
    ],
    [
      'local devices',
      { local: { path: '/dev/x' }, volumeMode: 'Block' },
      'local-volume',
      {
        kind: 'local-block',
        path: '/r/pods/uid-web/volumeDevices/kubernetes.io~local-volume/pv',
        source: '/dev/x',
        readOnly: true,
      },
    ],
    [
      'nfs',
      { nfs: { server: 's', path: '/e' }, mountOptions: ['soft'] },
      'nfs',
      {
        kind: 'nfs',
        path: `${dir}nfs/pv`,
        server: 's',
        exportPath: '/e',
        readOnly: true,
        mountOptions: ['soft'],
      },
    ],
    [
      'csi',
      { csi: { driver: 'd', volumeHandle: 'h' }, volumeMode: 'Block' },
      'csi:d',
      { kind: 'csi', driver: 'd', persistent: true, block: true },
    ],
  ];
  for (const [name, spec, plugin, work] of persistent)
    it(`of persistent ${name}`, () => {
      const planned = planPersistent(spec, true);
      assert.deepEqual(
        [planned.plugin, planned.work, planned.specName],
        [`kubernetes.io/${plugin}`, work, 'pv'],
      );
    });

  it('that farlet can not make are refused with the reason', () => {
    const text = (name: string, source: string): string =>
      `failed to get Plugin from volumeSpec for volume "${name}" err=no volume plugin matched: farlet does not support ${source} volumes`;
    assert.throws(() => plan({ iscsi: { targetPortal: 't', iqn: 'i', lun: 0 } }), {
      message: text('v', 'iscsi'),
    });
    assert.throws(() => planPersistent({ accessModes: [], capacity: {}, fc: {} }), {
      message: text('pv', 'fc'),
    });
    assert.throws(() => planPersistent({ hostPath: { path: '/h' }, volumeMode: 'Block' }), {
      message: text('pv', 'block hostPath'),
    });
  });

  const drivers: [persistent: boolean, block: boolean, step: string, text: string][] = [
    [false, false, 'MountVolume.SetUp failed', 'mounter.SetUpAt failed to get CSI client'],
    [
      true,
      false,
      'MountVolume.MountDevice failed',
      'attacher.MountDevice failed to create newCsiDriverClient',
    ],
    [true, true, 'MapVolume.SetUpDevice failed', 'blockMapper.SetUpDevice failed to get CSI client'],
  ];
  for (const [isPersistent, block, step, text] of drivers)
    it(`whose driver is missing fail at ${step}`, () => {
      const error = missingDriver({ driver: 'd', persistent: isPersistent, block });
      assert.equal(error.step, step);
      assert.equal(
        error.message,
        `kubernetes.io/csi: ${text}: driver name d not found in the list of registered CSI drivers`,
      );
    });
});
