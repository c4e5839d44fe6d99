/** What Prometheus finds its targets by: Services, and the addresses behind them. Pure. */

export interface Target {
  readonly ip: string;
  readonly port: number;
  /** the Node behind it */
  readonly node?: string;
}

/**
 * A headless Service without a selector and a slice for each target, since nodes of one farlet have ports of
 * their own.
 */
export function serviceWith(
  {
    name,
    namespace,
    labels,
    portName,
  }: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly portName: string;
  },
  targets: readonly Target[],
): object[] {
  const [first] = targets;
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace, labels },
      spec: { clusterIP: 'None', ports: [{ name: portName, port: first?.port ?? 1 }] },
    },
    ...targets.map(({ ip, port, node }, index) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `${name}-${index}`,
        namespace,
        labels: { ...labels, 'kubernetes.io/service-name': name },
      },
      addressType: 'IPv4',
      ports: [{ name: portName, port, protocol: 'TCP' }],
      endpoints: [
        {
          addresses: [ip],
          conditions: { ready: true },
          ...(node === undefined ? {} : { targetRef: { kind: 'Node', name: node } }),
        },
      ],
    })),
  ];
}
