/**
 * Which runtimes mount images as volumes: CRI has no way to ask, and those that can't mount something else
 * instead. Pure.
 */
import { own } from '../../model/own.ts';
import type { RuntimeInfo } from '../../hosts/runtime-host.ts';
import { FarletError } from '../../model/errors.ts';
import type { Container, Pod } from '../../model/kube.ts';

type Version = readonly [major: number, minor: number];

/** First releases; runtimes that are not listed are taken at their word. */
const since: Readonly<Record<string, { volumes: Version; subPaths: Version }>> = {
  containerd: { volumes: [2, 1], subPaths: [2, 2] },
  'cri-o': { volumes: [1, 31], subPaths: [1, 33] },
};

/** Whether the runtime mounts images at all. */
export function canMountImages(runtime: Pick<RuntimeInfo, 'name' | 'version'> | undefined): boolean {
  const first = runtime === undefined ? undefined : own(since, runtime.name)?.volumes;
  return first === undefined || isAtLeast(runtime?.version ?? '', first);
}

/**
 * Throws FarletError `unimplemented` if the container mounts an image, or a part of one, as the runtime
 * can't.
 */
export function checkImageVolumes(
  pod: Pod,
  container: Container,
  runtime: Pick<RuntimeInfo, 'name' | 'version'> | undefined,
): void {
  const images = new Set(
    (pod.spec.volumes ?? []).filter(({ image }) => image !== undefined).map(({ name }) => name),
  );
  const first = runtime === undefined ? undefined : own(since, runtime.name);
  if (runtime === undefined || first === undefined) return;
  for (const { name, subPath, subPathExpr } of container.volumeMounts ?? []) {
    if (!images.has(name)) continue;
    const isPart = (subPath ?? '') !== '' || (subPathExpr ?? '') !== '';
    const needed = isPart ? first.subPaths : first.volumes;
    if (isAtLeast(runtime.version, needed)) continue;
    throw new FarletError(
      'unimplemented',
      `volume "${name}" is an image${isPart ? ' mounted with subPath' : ''}, which needs ${runtime.name} ${needed.join('.')} or later: the host has ${runtime.version}`,
    );
  }
}

function isAtLeast(version: string, [major, minor]: Version): boolean {
  const [, foundMajor, foundMinor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  if (foundMajor === undefined || foundMinor === undefined) return false;
  return Number(foundMajor) > major || (Number(foundMajor) === major && Number(foundMinor) >= minor);
}
