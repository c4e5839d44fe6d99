/** What /metrics/cadvisor tells of the machines themselves. Pure. */
import { labelled, sample, type Family } from './exposition.ts';
import type { HostFacts } from '../hosts/facts.ts';
import type { HostReading } from './reading.ts';

export function machineFamilies(hosts: readonly HostReading[]): Family[] {
  const known = hosts.flatMap(({ facts }) => (facts === undefined ? [] : [facts]));
  const family = (name: string, help: string, value: (facts: HostFacts) => number): Family => ({
    name,
    type: 'gauge',
    help,
    samples: () => known.map((facts) => sample(name, machineLabels(facts), value(facts))),
  });
  return [
    versionFamily(known),
    family('machine_cpu_cores', 'Number of logical CPU cores.', ({ cpus }) => cpus),
    family(
      'machine_memory_bytes',
      'Amount of memory installed on the machine.',
      (facts) => facts.memoryBytes,
    ),
    family(
      'machine_swap_bytes',
      'Amount of swap memory available on the machine.',
      (facts) => facts.swapBytes,
    ),
  ];
}

function machineLabels({ bootID, machineID, systemUUID }: HostFacts): string {
  return labelled({ boot_id: bootID, machine_id: machineID, system_uuid: systemUUID });
}

function versionFamily(known: readonly HostFacts[]): Family {
  const name = 'cadvisor_version_info';
  // hosts of a pool may be alike
  const all = (): Set<string> => new Set(known.map(versionLabels));
  return {
    name,
    type: 'gauge',
    help: "A metric with a constant '1' value labeled by kernel version, OS version, docker version, cadvisor version & cadvisor revision.",
    samples: () => [...all()].map((labels) => sample(name, labels, 1)),
  };
}

function versionLabels({ kernelVersion, osImage }: HostFacts): string {
  return labelled({
    cadvisorRevision: '',
    cadvisorVersion: '',
    dockerVersion: '',
    kernelVersion,
    osVersion: osImage,
  });
}

export function scrapeErrors({ failed }: { failed: boolean }): Family[] {
  return (['container', 'machine'] as const).map((what) => ({
    name: `${what}_scrape_error`,
    type: 'gauge',
    help: `1 if there was an error while getting ${what} metrics, 0 otherwise`,
    samples: () => [sample(`${what}_scrape_error`, '', failed ? 1 : 0)],
  }));
}
