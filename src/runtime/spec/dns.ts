/** A pod's resolver settings: pkg/kubelet/network/dns/dns.go. */
import type { Pod } from '../../model/kube.ts';
import { formatPod, podRef } from '../../model/pod-ref.ts';
import { goQuote } from '../../model/go-quote.ts';

const maxServers = 3;
const maxSearches = 32;
const maxSearchChars = 2048;
const maxSearchLength = 253;
/** the cluster's, which come before the host's */
const ownSearches = 3;

export interface DnsSettings {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

export interface DnsInput {
  readonly clusterDNS: readonly string[];
  readonly clusterDomain: string;
  /** the resolv.conf of the pod's host; undefined where the node is set to use none */
  readonly host: DnsSettings | undefined;
  /** the node's InternalIPs */
  readonly hostIPs: readonly string[];
}

/** Something to tell with an event of type Warning. */
export interface DnsWarning {
  readonly about: 'pod' | 'node';
  readonly reason: 'DNSConfigForming' | 'MissingClusterDNS';
  readonly message: string;
}

export interface PodDns extends DnsSettings {
  readonly warnings: readonly DnsWarning[];
}

const none: DnsSettings = { servers: [], searches: [], options: [] };

/** Never fails: what exceeds a resolver's limits is cut and told as a warning. */
export function podDns(pod: Pod, input: DnsInput): PodDns {
  const policy = effectivePolicy(pod);
  const missing = policy === 'cluster' && input.clusterDNS.length === 0;
  const base =
    policy === 'none' ? none : policy === 'host' || missing ? ofHost(input) : ofCluster(pod, input);
  const merged = merge(base, pod);
  const servers = cutServers(merged.servers);
  const searches = cutSearches(merged.searches);
  return {
    servers: servers.kept,
    searches: searches.kept,
    options: merged.options,
    warnings: [...(missing ? missingClusterDns(pod) : []), ...servers.warnings, ...searches.warnings],
  };
}

/**
 * What a Node is told of its resolv.conf, which would be cut for its pods (CheckLimitsForResolvConf);
 * undefined: nothing.
 */
export function searchFault(
  { searches }: DnsSettings,
  { path, clusterDomain }: { path: string; clusterDomain: string },
): string | undefined {
  const most = maxSearches - (clusterDomain === '' ? 0 : ownSearches);
  if (searches.length > most)
    return `Resolv.conf file '${path}' contains search line consisting of more than ${most} domains!`;
  if (searches.some((search) => search.length > maxSearchLength))
    return `Resolv.conf file ${goQuote(path)} contains a search path which length is more than allowed ${maxSearchLength} chars!`;
  if (searches.join(' ').length > maxSearchChars)
    return `Resolv.conf file '${path}' contains search line which length is more than allowed ${maxSearchChars} chars!`;
  return undefined;
}

function effectivePolicy(pod: Pod): 'none' | 'cluster' | 'host' {
  switch (pod.spec.dnsPolicy) {
    case 'None':
      return 'none';
    case 'Default':
      return 'host';
    case 'ClusterFirst':
      return pod.spec.hostNetwork === true ? 'host' : 'cluster';
    default:
      return 'cluster';
  }
}

function ofHost(input: DnsInput): DnsSettings {
  if (input.host !== undefined) return input.host;
  const loopbacks = input.hostIPs.map((ip) => (ip.includes(':') ? '::1' : '127.0.0.1'));
  return { servers: loopbacks.length === 0 ? ['127.0.0.1'] : loopbacks, searches: ['.'], options: [] };
}

function ofCluster(pod: Pod, input: DnsInput): DnsSettings {
  const domain = input.clusterDomain;
  const own = domain === '' ? [] : [`${pod.metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain];
  const searches = [...own, ...(input.host?.searches ?? [])];
  return {
    servers: input.clusterDNS,
    searches: domain === '' ? searches : unique(searches),
    options: ['ndots:5'],
  };
}

function merge(base: DnsSettings, pod: Pod): DnsSettings {
  const added = pod.spec.dnsConfig;
  if (added === undefined) return base;
  const options = new Map(
    base.options.map((option): [string, string] => {
      const colon = option.indexOf(':');
      return colon === -1 ? [option, ''] : [option.slice(0, colon), option.slice(colon + 1)];
    }),
  );
  for (const option of added.options ?? []) options.set(option.name ?? '', option.value ?? '');
  return {
    servers: unique([...base.servers, ...(added.nameservers ?? [])]),
    searches: unique([...base.searches, ...(added.searches ?? [])]),
    options: [...options].map(([name, value]) => (value === '' ? name : `${name}:${value}`)),
  };
}

interface Cut {
  readonly kept: readonly string[];
  readonly warnings: readonly DnsWarning[];
}

function cutServers(servers: readonly string[]): Cut {
  if (servers.length <= maxServers) return { kept: servers, warnings: [] };
  const kept = servers.slice(0, maxServers);
  return {
    kept,
    warnings: forming(
      `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${kept.join(' ')}`,
    ),
  };
}

function cutSearches(searches: readonly string[]): Cut {
  const kept = searches.slice(0, maxSearches).filter((search) => search.length <= maxSearchLength);
  while (kept.join(' ').length > maxSearchChars) kept.pop();
  if (kept.length === searches.length) return { kept, warnings: [] };
  return {
    kept,
    warnings: forming(
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${kept.join(' ')}`,
    ),
  };
}

function forming(message: string): DnsWarning[] {
  return [{ about: 'pod', reason: 'DNSConfigForming', message }];
}

function missingClusterDns(pod: Pod): DnsWarning[] {
  const text =
    'kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. Falling back to "Default" policy.';
  const reason = 'MissingClusterDNS';
  return [
    { about: 'node', reason, message: text },
    { about: 'pod', reason, message: `pod: ${goQuote(formatPod(podRef(pod)))}. ${text}` },
  ];
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
