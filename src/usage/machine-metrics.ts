/** What /metrics/cadvisor tells of the machines themselves. Pure. */
import { labelled, sample, type Family } from './exposition.ts';
import type { HostReading } from './reading.ts';

export function machineFamilies(hosts: readonly HostReading[]): Family[] {
  const known = hosts.flatMap(({ facts }) => (facts === undefined ? [] : [facts]));
  const family = (name: string, help: string, value: (facts: (typeof known)[number]) => number): Family => ({
    name,
    type: 'gauge',
    help,
    samples: () =>
      known.map((facts) =>
        sample(
          name,
          labelled({
            boot_id: facts.bootID,
            machine_id: facts.machineID,
            system_uuid: facts.systemUUID,
          }),
          value(facts),
        ),
      ),
  });
  const version = 'cadvisor_version_info';
  return [
    {
      name: version,
      type: 'gauge',
      help: "A metric with a constant '1' value labeled by kernel version, OS version, docker version, cadvisor version & cadvisor revision.",
      // hosts of a pool may be alike
      samples: () =>
        [
          ...new Set(
            known.map(({ kernelVersion, osImage }) =>
              labelled({
                cadvisorRevision: '',
                cadvisorVersion: '',
                dockerVersion: '',
                kernelVersion,
                osVersion: osImage,
              }),
            ),
          ),
        ].map((labels) => sample(version, labels, 1)),
    },
    family('machine_cpu_cores', 'Number of logical CPU cores.', ({ cpus }) => cpus),
    family(
      'machine_memory_bytes',
      'Amount of memory installed on the machine.',
      ({ memoryBytes }) => memoryBytes,
    ),
    family(
      'machine_swap_bytes',
      'Amount of swap memory available on the machine.',
      ({ swapBytes }) => swapBytes,
    ),
  ];
}

export function scrapeErrors({ failed }: { failed: boolean }): Family[] {
  return (['container', 'machine'] as const).map((what) => ({
    name: `${what}_scrape_error`,
    type: 'gauge',
    help: `1 if there was an error while getting ${what} metrics, 0 otherwise`,
    samples: () => [sample(`${what}_scrape_error`, '', failed ? 1 : 0)],
  }));
}
