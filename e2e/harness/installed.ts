/**
 * farlet as people install it: its image on a node of the cluster, its chart, and a host that it reaches over
 * ssh. The node is one of a farlet that was started by hand, as the cluster has no other.
 */
import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { farletImage, helm } from './cache.ts';
import type { TestHost } from './host.ts';
import { outcome, type Outcome } from './processes.ts';
import { startRelay } from './relay.ts';
import type { RemoteHost } from './remote-host.ts';
import type { World } from './world.ts';

/** What of a world this needs. */
export type Place = Pick<World, 'plane' | 'folder' | 'onEnd' | 'startFarlet'>;

export const NAMESPACE = 'farlet';
export const RELEASE = 'farlet';
/** who the chart's rights are given to */
export const ACCOUNT = `system:serviceaccount:${NAMESPACE}:${RELEASE}`;
/** and those of its hook of helm uninstall */
export const DRAIN_ACCOUNT = `${ACCOUNT}-drain`;
/** a version of farlet to update to: the same under another name */
export const NEXT = 'next';

/** Nodes of the cluster for farlet's pod: they have the image, and their pods a way to the API server. */
export async function startClusterNodes(
  world: Place,
  hosts: readonly [TestHost, ...TestHost[]],
): Promise<void> {
  const relay = await startRelay({ at: hosts[0].address, url: world.plane.server });
  world.onEnd(() => {
    relay.stop();
  });
  const image = `localhost/farlet:${version()}`;
  for (const host of hosts) {
    await host.ctr(['images', 'import', farletImage()]);
    await host.ctr(['images', 'tag', image, `localhost/farlet:${NEXT}`]);
  }
  await world.startFarlet('by-hand', {
    hosts,
    config: { kubernetesServiceAddress: `https://kubernetes.default.svc:${String(relay.port)}` },
  });
}

/** kubectl's arguments that make the namespace, restricted, and the Secret by which farlet logs in. */
export function preparations({ ssh }: Pick<RemoteHost, 'ssh'>): readonly string[] {
  return [
    `create namespace ${NAMESPACE}`,
    `label namespace ${NAMESPACE} pod-security.kubernetes.io/enforce=restricted`,
    `-n ${NAMESPACE} create secret generic farlet-ssh --from-file=ssh-privatekey=${ssh.privateKeyFile} --from-file=known_hosts=${ssh.knownHostsFile}`,
  ];
}

/** values.yaml for one node `name` on a far host, with farlet's pod on one of `near` (startClusterNodes). */
export function valuesFor(
  name: string,
  {
    near,
    far,
    labels = {},
  }: {
    near: readonly [TestHost, ...TestHost[]];
    far: RemoteHost;
    labels?: Readonly<Record<string, string>>;
  },
): object {
  const names = near.map((host) => host.name);
  const onNear = [{ key: 'kubernetes.io/hostname', operator: 'In', values: names }];
  return {
    image: { repository: 'localhost/farlet', tag: version(), pullPolicy: 'Never' },
    ssh: { existingSecret: 'farlet-ssh' },
    config: {
      clusterDNS: ['10.96.0.10'],
      nodes: [
        {
          name,
          labels,
          rootDir: `${far.folder}/farlet`,
          cgroupRoot: far.cgroupRoot,
          hosts: [{ name: 'box', endpoint: far.endpoint }],
        },
      ],
    },
    // its node is a virtual one here, which the chart avoids otherwise
    tolerations: [{ key: 'virtual-kubelet.io/provider', operator: 'Exists' }],
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: onNear }] },
      },
    },
    hostAliases: [{ ip: near[0].address, hostnames: ['kubernetes.default.svc'] }],
  };
}

function version(): string {
  return (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version;
}

/** Helm with the administrator's kubeconfig, and nothing of this user's. */
export function runHelm(
  world: Place,
  args: readonly string[],
  { major = 4, values }: { major?: 3 | 4; values?: object } = {},
): Promise<Outcome> {
  const home = `${world.folder}/helm`;
  return outcome(
    [
      helm(major),
      ...args,
      '--namespace',
      NAMESPACE,
      '--kubeconfig',
      world.plane.kubeconfig,
      ...(values === undefined ? [] : ['--values', '-']),
    ],
    {
      timeoutMs: 180_000,
      env: { HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home },
      ...(values === undefined ? {} : { input: stringify(values) }),
    },
  );
}
