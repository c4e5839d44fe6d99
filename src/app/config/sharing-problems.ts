/** Whether nodes on one machine keep out of each other's way. Pure. */
import type { Config, NodeConfig } from './schema.ts';

/**
 * Two nodes take each other's pods for orphans where they share a folder, and each other's limits where they
 * share a cgroup.
 */
export function sharingProblems({ nodes, cgroupsPerQOS, cgroupRoot }: Config): string[] {
  const cgroupOf = (node: NodeConfig): string => normal(node.cgroupRoot ?? cgroupRoot);
  return nodes.flatMap((node, index) =>
    nodes.slice(0, index).flatMap((other, otherIndex) => {
      const machine = sharedMachine(node, other);
      if (machine === undefined) return [];
      const clash = (key: string, value: string): string =>
        `nodes[${index}].${key}: ${value} is nodes[${otherIndex}]'s (${other.name}) already on ${machine}; nodes on one machine need a ${key} of their own each`;
      return [
        ...(normal(node.rootDir) === normal(other.rootDir) ? [clash('rootDir', node.rootDir)] : []),
        ...(cgroupsPerQOS && cgroupOf(node) === cgroupOf(other) ? [clash('cgroupRoot', cgroupOf(node))] : []),
      ];
    }),
  );
}

/** A machine that both have a host on, as a message names it. */
function sharedMachine(node: NodeConfig, other: NodeConfig): string | undefined {
  const theirs = new Set(other.hosts.map(({ endpoint }) => machineOf(endpoint)));
  return node.hosts.map(({ endpoint }) => machineOf(endpoint)).find((machine) => theirs.has(machine));
}

/** Whatever its runtimes' sockets and users: several may be on one machine. */
function machineOf(endpoint: string): string {
  const url = URL.parse(endpoint);
  if (url === null || url.protocol === 'unix:') return 'this machine';
  const port = url.port === '' && url.protocol === 'ssh:' ? '22' : url.port;
  return `${url.protocol}//${url.hostname.toLowerCase()}:${port}`;
}

function normal(path: string): string {
  return `/${path}`.replace(/\/+/g, '/').replace(/(?<=.)\/$/, '');
}
