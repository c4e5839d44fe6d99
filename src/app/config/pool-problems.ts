/** Whether the hosts of a node can make one pool. Pure. */
import type { Config } from './schema.ts';

export function poolProblems({ nodes }: Config): string[] {
  return nodes.flatMap(({ hosts, kubeletAPI, staticPodPath }, n) => [
    ...(hosts.length > 1 && kubeletAPI === 'host'
      ? [
          `nodes[${n}].kubeletAPI: the node has ${hosts.length} hosts, and its InternalIP can be the address of one only; leave it at farlet, or give each host a node of its own`,
        ]
      : []),
    ...(hosts.length > 1 && staticPodPath !== undefined
      ? [
          `nodes[${n}].staticPodPath: the node has ${hosts.length} hosts, and where a static pod is to run is not stored anywhere; give the host that is to have them a node of its own`,
        ]
      : []),
    ...hosts.flatMap((host, h) => {
      const place = `nodes[${n}].hosts[${h}]`;
      const earlier = hosts.slice(0, h);
      return [
        ...(earlier.some(({ name }) => name === host.name)
          ? [
              `${place}.name: ${host.name} is another host's already; every host of a node needs a name of its own`,
            ]
          : []),
        ...(earlier.some(({ endpoint }) => endpoint === host.endpoint)
          ? [`${place}.endpoint: ${host.endpoint} is another host's already: one runtime can't be two hosts`]
          : []),
        ...(isLocal(host) && earlier.some(isLocal)
          ? [
              `${place}.endpoint: the node has a unix endpoint already, and two on one machine would share rootDir; give each a node of its own`,
            ]
          : []),
      ];
    }),
  ]);
}

function isLocal({ endpoint }: { endpoint: string }): boolean {
  return endpoint.startsWith('unix:') || endpoint.startsWith('/');
}
