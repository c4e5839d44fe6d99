/** What can't be right in the keys about resources (pkg/kubelet/apis/config/validation). Pure. */
import { parseQuantity } from '../../model/quantity.ts';
import { sysctlNamespace } from '../../model/sysctl-name.ts';
import { reservations } from './reservations.ts';
import type { Config } from './schema.ts';

const reservable = ['cpu', 'memory', 'ephemeral-storage', 'pid'];

export function resourceProblems(config: Config): string[] {
  return [...badReservations(config), ...badEnforcement(config), ...badCpus(config), ...badSysctls(config)];
}

function badReservations(config: Config): string[] {
  return (['systemReserved', 'kubeReserved'] as const).flatMap((key) =>
    Object.entries(config[key]).flatMap(([resource, quantity]) => {
      if (!reservable.includes(resource))
        return [`${key}.${resource}: can't be reserved; only ${reservable.join(', ')}`];
      const amount = parseQuantity(quantity);
      return amount === undefined || amount.unscaled < 0n
        ? [`${key}.${resource}: ${JSON.stringify(quantity)} is no quantity; give one as 500m or 1Gi`]
        : [];
    }),
  );
}

function badEnforcement({ cgroupsPerQOS, enforceNodeAllocatable, cpuCFSQuotaPeriod }: Config): string[] {
  const wanted = enforceNodeAllocatable ?? [];
  return [
    ...(wanted.includes('none') && wanted.length > 1
      ? ['enforceNodeAllocatable: none goes with nothing else']
      : []),
    ...(wanted.includes('pods') && !cgroupsPerQOS
      ? ['enforceNodeAllocatable: pods needs cgroupsPerQOS: true; without it nothing holds pods together']
      : []),
    ...(cpuCFSQuotaPeriod < 1 || cpuCFSQuotaPeriod > 1000
      ? ['cpuCFSQuotaPeriod: must be from 1ms to 1s']
      : []),
  ];
}

function badCpus(config: Config): string[] {
  if (config.cpuManagerPolicy === 'none')
    return Object.keys(config.cpuManagerPolicyOptions).map(
      (option) => `cpuManagerPolicyOptions.${option}: needs cpuManagerPolicy: static`,
    );
  return reservations(config).milliCpu > 0
    ? []
    : [
        'cpuManagerPolicy: static requires systemReserved.cpu + kubeReserved.cpu (or reservedSystemCPUs) to be greater than zero, so that something is left to share',
      ];
}

function badSysctls({ allowedUnsafeSysctls }: Config): string[] {
  return allowedUnsafeSysctls.flatMap((pattern, index) => {
    const star = pattern.indexOf('*');
    const at = `allowedUnsafeSysctls[${index}]: ${JSON.stringify(pattern)}`;
    if (star !== -1 && star !== pattern.length - 1) return [`${at} has a * that is not its end`];
    return sysctlNamespace(pattern.replace('*', '')) === undefined
      ? [
          `${at} is not known to be kept apart per pod: kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.* and net.* are`,
        ]
      : [];
  });
}
