/**
 * The environment variables that tell a container where services are: pkg/kubelet/envvars, kubelet_pods.go.
 */
import { isIPv6 } from 'node:net';
import type { Service } from '../../model/kube.ts';

export interface ServiceEnvInput {
  /** services of the pod's namespace and of `default` */
  readonly services: readonly Service[];
  readonly namespace: string;
  readonly enableServiceLinks: boolean;
  /** what pods get for the `kubernetes` service where the cluster's own address can't be reached */
  readonly kubernetesService: { readonly host: string; readonly port: number } | undefined;
}

interface Endpoint {
  readonly name: string;
  readonly ip: string;
  readonly ports: readonly { readonly name?: string; readonly port: number; readonly protocol?: string }[];
}

/**
 * Variables by name. The `kubernetes` service of namespace default is always among them; the pod's own
 * namespace only with service links; services without a cluster IP never.
 */
export function serviceEnv(input: ServiceEnvInput): Map<string, string> {
  const env = new Map<string, string>();
  for (const endpoint of visible(input)) {
    const prefix = variableName(endpoint.name);
    const first = endpoint.ports[0];
    if (first === undefined) continue;
    env.set(`${prefix}_SERVICE_HOST`, endpoint.ip);
    env.set(`${prefix}_SERVICE_PORT`, String(first.port));
    for (const { name, port } of endpoint.ports) {
      if (name !== undefined && name !== '')
        env.set(`${prefix}_SERVICE_PORT_${variableName(name)}`, String(port));
    }
    for (const port of endpoint.ports) setLinkVariables(env, prefix, { ip: endpoint.ip, port, first });
  }
  return env;
}

function visible(input: ServiceEnvInput): Iterable<Endpoint> {
  const byName = new Map<string, Endpoint>();
  for (const service of input.services) {
    const name = service.metadata?.name ?? '';
    const ip = service.spec?.clusterIP ?? '';
    if (ip === '' || ip === 'None') continue;
    const endpoint = { name, ip, ports: service.spec?.ports ?? [] };
    if (service.metadata?.namespace === 'default' && name === 'kubernetes') {
      if (!byName.has(name)) byName.set(name, apiServer(input) ?? endpoint);
    } else if (service.metadata?.namespace === input.namespace && input.enableServiceLinks) {
      byName.set(name, endpoint);
    }
  }
  const override = apiServer(input);
  if (override !== undefined && !byName.has('kubernetes')) byName.set('kubernetes', override);
  return byName.values();
}

function apiServer(input: ServiceEnvInput): Endpoint | undefined {
  if (input.kubernetesService === undefined) return undefined;
  const { host, port } = input.kubernetesService;
  return { name: 'kubernetes', ip: host, ports: [{ name: 'https', port, protocol: 'TCP' }] };
}

function setLinkVariables(
  env: Map<string, string>,
  prefix: string,
  link: { ip: string; port: Endpoint['ports'][number]; first: Endpoint['ports'][number] },
): void {
  const protocol = link.port.protocol ?? 'TCP';
  const lower = protocol.toLowerCase();
  const port = String(link.port.port);
  const url = `${lower}://${isIPv6(link.ip) ? `[${link.ip}]` : link.ip}:${port}`;
  if (link.port === link.first) env.set(`${prefix}_PORT`, url);
  const name = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
  env.set(name, url);
  env.set(`${name}_PROTO`, lower);
  env.set(`${name}_PORT`, port);
  env.set(`${name}_ADDR`, link.ip);
}

function variableName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}
