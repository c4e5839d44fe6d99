/**
 * Volumes that need a CSI driver: those that say so, and those that the kubelet hands to one
 * (csi-translation-lib). A farlet node has no drivers, and says what a kubelet without the driver says. Pure.
 */
import type { PersistentVolume, Volume } from '../../model/kube.ts';
import { MountStepError } from './mount-step-error.ts';

const migrated = {
  awsElasticBlockStore: 'ebs.csi.aws.com',
  azureDisk: 'disk.csi.azure.com',
  azureFile: 'file.csi.azure.com',
  cinder: 'cinder.csi.openstack.org',
  gcePersistentDisk: 'pd.csi.storage.gke.io',
  portworxVolume: 'pxd.portworx.com',
  vsphereVolume: 'csi.vsphere.vmware.com',
} as const;

export function inlineDriver(volume: Volume): string | undefined {
  return volume.csi?.driver ?? translated(volume);
}

export function persistentDriver({ spec }: PersistentVolume): string | undefined {
  return spec?.csi?.driver ?? translated(spec ?? {});
}

function translated(source: object): string | undefined {
  return Object.entries(migrated).find(([key]) => Object.hasOwn(source, key))?.[1];
}

/** At the step at which the kubelet looks for the driver (pkg/volume/csi). */
export function missingDriver({
  driver,
  persistent,
  block,
}: {
  driver: string;
  persistent: boolean;
  block: boolean;
}): MountStepError {
  const missing = `driver name ${driver} not found in the list of registered CSI drivers`;
  const [step, text] = block
    ? ['MapVolume.SetUpDevice failed', 'blockMapper.SetUpDevice failed to get CSI client']
    : persistent
      ? ['MountVolume.MountDevice failed', 'attacher.MountDevice failed to create newCsiDriverClient']
      : ['MountVolume.SetUp failed', 'mounter.SetUpAt failed to get CSI client'];
  return new MountStepError('unimplemented', step, `kubernetes.io/csi: ${text}: ${missing}`);
}
