/** Block volumes as devices of a container: makeBlockVolumes in pkg/kubelet/kubelet_pods.go. Pure. */
import type { Device } from '../../hosts/cri/generated/runtime/v1/Device.ts';
import { FarletError } from '../../model/errors.ts';
import { goQuote } from '../../model/go-quote.ts';
import type { Container } from '../../model/kube.ts';
import type { VolumeSource } from './mounts.ts';

/** Throws FarletError `invalid` for a path that is relative or a volume that is no device. */
export function blockDevices(container: Container, volumes: ReadonlyMap<string, VolumeSource>): Device[] {
  return (container.volumeDevices ?? []).map(({ name, devicePath }) => {
    if (!devicePath.startsWith('/'))
      throw new FarletError('invalid', `error DevicePath \`${devicePath}\` must be an absolute path`);
    const volume = volumes.get(name);
    if (volume?.isDevice !== true)
      throw new FarletError(
        'invalid',
        `cannot find volume ${goQuote(name)} to pass into container ${goQuote(container.name)}`,
      );
    return {
      container_path: devicePath,
      host_path: volume.hostPath,
      permissions: volume.readOnly ? 'r' : 'mrw',
    };
  });
}
