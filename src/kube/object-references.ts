import { podContainers } from '../model/containers.ts';
import type { Pod } from '../model/kube.ts';

export interface ObjectReferences {
  readonly configMaps: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
}

/** Names of all ConfigMaps and Secrets that a pod's spec refers to (pkg/api/v1/pod VisitPodSecretNames). */
export function podObjectReferences(pod: Pod): ObjectReferences {
  const configMaps = new Set<string | undefined>();
  const secrets = new Set<string | undefined>();
  for (const { name } of pod.spec.imagePullSecrets ?? []) secrets.add(name);
  for (const { spec } of podContainers(pod)) {
    for (const from of spec.envFrom ?? []) {
      configMaps.add(from.configMapRef?.name);
      secrets.add(from.secretRef?.name);
    }
    for (const { valueFrom } of spec.env ?? []) {
      configMaps.add(valueFrom?.configMapKeyRef?.name);
      secrets.add(valueFrom?.secretKeyRef?.name);
    }
  }
  for (const volume of pod.spec.volumes ?? []) {
    configMaps.add(volume.configMap?.name);
    secrets.add(volume.secret?.secretName);
    for (const source of volume.projected?.sources ?? []) {
      configMaps.add(source.configMap?.name);
      secrets.add(source.secret?.name);
    }
  }
  return { configMaps: named(configMaps), secrets: named(secrets) };
}

function named(names: ReadonlySet<string | undefined>): Set<string> {
  return new Set([...names].filter((name): name is string => name !== undefined && name !== ''));
}
