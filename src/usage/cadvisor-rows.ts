/** What /metrics/cadvisor tells of: containers, sandboxes, pods, what is above them, the machine. Pure. */
import type { InterfaceUse } from '../hosts/link/host-usage.ts';
import { labelled } from './exposition.ts';
import type { NodeReading } from './node-reading.ts';
import type { FsFigures, HostReading, PodReading, Use } from './reading.ts';
import { reportedInterfaces } from './reported-interfaces.ts';

export interface CadvisorRow {
  /** id, name, image, namespace, pod and container; those that do not apply are empty */
  readonly labels: string;
  readonly use: Use;
  /** ms since the epoch */
  readonly startedAt: number | undefined;
  readonly fs: FsFigures | undefined;
  readonly network: readonly InterfaceUse[];
  /** names of devices by major:minor */
  readonly devices: ReadonlyMap<string, string>;
}

interface Named {
  readonly id: string;
  readonly name?: string;
  readonly image?: string;
  readonly pod?: PodReading;
  readonly container?: string;
}

function labelsOf({ id, name = '', image = '', pod, container = '' }: Named): string {
  return labelled({ container, id, image, name, namespace: pod?.namespace ?? '', pod: pod?.name ?? '' });
}

export function cadvisorRows(reading: NodeReading): CadvisorRow[] {
  const { root, hosts, nodeFs, network } = reading;
  const [only, ...others] = hosts;
  const devices = only?.machine.devices ?? new Map<string, string>();
  const startedAt = reading.bootedAt;
  return [
    ...(root === undefined
      ? []
      : [
          {
            labels: labelsOf({ id: '/' }),
            use: root,
            startedAt,
            fs: nodeFs,
            network: reportedInterfaces(network),
            devices,
          },
        ]),
    // of several hosts these have the same names
    ...(only === undefined || others.length > 0
      ? []
      : [...only.above].map(([id, use]) => ({
          labels: labelsOf({ id }),
          use,
          startedAt,
          fs: undefined,
          network: [],
          devices,
        }))),
    ...hosts.flatMap((host) => host.pods.flatMap((pod) => podRows(host, pod))),
  ];
}

/** The network is the sandbox's, and only there, or sums over a pod would count it more than once. */
function podRows({ machine }: HostReading, pod: PodReading): CadvisorRow[] {
  const { path, use, sandbox, containers, network = [], startedAt } = pod;
  const { devices } = machine;
  const reported = reportedInterfaces(network);
  const rows: CadvisorRow[] = [];
  if (path !== undefined && use !== undefined)
    rows.push({
      labels: labelsOf({ id: path, pod }),
      use,
      startedAt,
      fs: undefined,
      network: sandbox === undefined ? reported : [],
      devices,
    });
  if (sandbox !== undefined)
    rows.push({
      labels: labelsOf({ id: sandbox.path, name: sandbox.id, pod }),
      use: sandbox.use,
      startedAt: sandbox.startedAt,
      fs: undefined,
      network: reported,
      devices,
    });
  for (const container of containers)
    if (container.use !== undefined)
      rows.push({
        labels: labelsOf({
          id: container.path ?? `${path ?? ''}/${container.id}`,
          name: container.id,
          image: container.image,
          pod,
          container: container.name,
        }),
        use: container.use,
        startedAt: container.startedAt,
        fs: container.rootfs,
        network: [],
        devices,
      });
  return rows;
}
