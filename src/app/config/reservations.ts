/** What a node keeps from pods (pkg/kubelet: cmd/kubelet/app/server.go, reservedSystemCPUs). Pure. */
import { parseCpuSet, type CpuSet } from '../../model/cpu-set.ts';
import { quantityMilli } from '../../model/quantity-text.ts';
import type { Config } from './schema.ts';

export interface Reservations {
  readonly system: Readonly<Record<string, string>>;
  readonly kube: Readonly<Record<string, string>>;
  /** named CPUs; empty where only their number is configured */
  readonly cpus: CpuSet;
  /** milli CPUs in all */
  readonly milliCpu: number;
}

type Keys = 'systemReserved' | 'kubeReserved' | 'reservedSystemCPUs';

export function reservations(config: Pick<Config, Keys>): Reservations {
  const cpus = parseCpuSet(config.reservedSystemCPUs) ?? new Set<number>();
  const { cpu: _, ...kube } = config.kubeReserved;
  const [system, ofKube] =
    cpus.size === 0
      ? [config.systemReserved, config.kubeReserved]
      : [{ ...config.systemReserved, cpu: String(cpus.size) }, kube];
  return {
    system,
    kube: ofKube,
    cpus,
    milliCpu: Number(quantityMilli(system.cpu) + quantityMilli(ofKube.cpu)),
  };
}
