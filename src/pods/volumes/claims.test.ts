import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KubeError } from '../../model/errors.ts';
import type { PersistentVolume, PersistentVolumeClaim, Volume } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import { claimName, resolveClaim } from './claims.ts';

const claim: PersistentVolumeClaim = {
  metadata: { name: 'pvc', uid: 'c1' },
  spec: { volumeName: 'pv' },
  status: { phase: 'Bound' },
};
const persistent: PersistentVolume = { metadata: { name: 'pv' }, spec: { claimRef: { uid: 'c1' } } };
const named: Volume = { name: 'v', persistentVolumeClaim: { claimName: 'pvc', readOnly: true } };
const gone = (what: string): KubeError =>
  new KubeError('not-found', `${what} not found`, { status: 404, reason: 'NotFound' });

interface World {
  claim?: PersistentVolumeClaim | Error;
  persistent?: PersistentVolume | Error;
  volume?: Volume;
  mapped?: boolean;
}

function resolve(world: World) {
  const give = <T>(answer: T | Error): Promise<T> =>
    answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  const mapped = world.mapped ?? false;
  return resolveClaim(
    { pod: pod(), volume: world.volume ?? named, mounted: !mapped, mapped },
    {
      sources: {
        claim: () => give(world.claim ?? claim),
        persistentVolume: () => give(world.persistent ?? persistent),
      },
      signal: new AbortController().signal,
    },
  );
}

describe('claims', () => {
  it('lead to their volume', async () => {
    assert.deepEqual(await resolve({}), { volume: persistent, readOnly: true });
    const protectedOne = {
      ...claim,
      metadata: { ...claim.metadata, deletionTimestamp: 'x', finalizers: ['kubernetes.io/pvc-protection'] },
    };
    assert.equal((await resolve({ claim: protectedOne })).volume, persistent);
  });

  it('of a pod of its own are named after both, and must be its own', async () => {
    const volume: Volume = { name: 'v', ephemeral: {} };
    assert.equal(claimName(pod(), volume), 'web-v');
    assert.equal(claimName(pod(), { name: 'v' }), undefined);
    await assert.rejects(resolve({ volume }), {
      message: 'PVC default/web-v was not created for pod default/web (pod is not owner)',
    });
    const owner = { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'uid-web', controller: true };
    const owned = { ...claim, metadata: { ...claim.metadata, ownerReferences: [owner] } };
    assert.deepEqual(await resolve({ volume, claim: owned }), { volume: persistent, readOnly: false });
  });

  const prefix = 'error processing PVC default/pvc: ';
  const block: PersistentVolume = { ...persistent, spec: { ...persistent.spec, volumeMode: 'Block' } };
  const rows: [name: string, world: World, message: string][] = [
    [
      'missing',
      { claim: gone('persistentvolumeclaims "pvc"') },
      `${prefix}failed to fetch PVC from API server: persistentvolumeclaims "pvc" not found`,
    ],
    [
      'deleted',
      { claim: { ...claim, metadata: { deletionTimestamp: 'x' } } },
      `${prefix}PVC is being deleted`,
    ],
    ['not bound', { claim: { ...claim, status: { phase: 'Pending' } } }, `${prefix}PVC is not bound`],
    ['without a volume', { claim: { ...claim, spec: {} } }, `${prefix}PVC has empty pvc.Spec.VolumeName`],
    [
      'whose volume is missing',
      { persistent: gone('persistentvolumes "pv"') },
      `${prefix}failed to fetch PV pv from API server: persistentvolumes "pv" not found`,
    ],
    [
      'whose volume is free',
      { persistent: { spec: {} } },
      `${prefix}found PV object pv but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim`,
    ],
    [
      "whose volume is another's",
      { persistent: { spec: { claimRef: { uid: 'c2' } } } },
      `${prefix}found PV object pv but its pv.Spec.ClaimRef.UID c2 does not point to claim.UID c1`,
    ],
    [
      'mounted though a device',
      { persistent: block },
      'volume v has volumeMode Block, but is specified in volumeMounts',
    ],
    [
      'mapped though a file system',
      { mapped: true },
      'volume v has volumeMode Filesystem, but is specified in volumeDevices',
    ],
  ];
  for (const [name, world, message] of rows)
    it(`hold the pod up if ${name}`, async () => {
      await assert.rejects(resolve(world), { message });
    });
});
