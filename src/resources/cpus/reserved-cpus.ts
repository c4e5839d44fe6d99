import type { CpuSet } from '../../model/cpu-set.ts';
import { FarletError } from '../../model/errors.ts';
import type { CpuTopology } from './cpu-topology.ts';
import { takeCpus } from './take-cpus.ts';

/**
 * The CPUs that are given to nobody: those named, else as many as are reserved, rounded up
 * (policy_static.go). Throws FarletError `invalid` if the host has not got them.
 */
export function reservedCpus(
  topology: CpuTopology,
  { named, milliCpu }: { named: CpuSet; milliCpu: number },
): CpuSet {
  const all = new Set(topology.map(({ cpu }) => cpu));
  const count = Math.ceil(milliCpu / 1000);
  const reserved =
    named.size > 0 ? new Set([...named].filter((cpu) => all.has(cpu))) : takeCpus(topology, all, count);
  if (reserved?.size === count) return reserved;
  throw new FarletError(
    'invalid',
    `unable to reserve the required amount of CPUs: ${count} are to be reserved and the host has ${all.size}; change systemReserved.cpu, kubeReserved.cpu or reservedSystemCPUs`,
  );
}
