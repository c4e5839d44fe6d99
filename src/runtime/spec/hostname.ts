/**
 * A pod's host name: GeneratePodHostNameAndDomain in kubelet_pods.go and GetNodenameForKernel in
 * util/util.go.
 */
import { FarletError } from '../../model/errors.ts';
import type { Pod } from '../../model/kube.ts';
import { goQuote } from '../../model/go-quote.ts';
import { dnsSubdomain } from '../../model/dns-name.ts';

const maxHostname = 63;
const maxFqdn = 64;
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

export interface PodHostname {
  readonly hostname: string;
  /** "" without subdomain */
  readonly domain: string;
}

/** The short name and the domain, as the hosts file has them. Throws FarletError `invalid`. */
export function podHostname(pod: Pod, clusterDomain: string): PodHostname {
  const { hostnameOverride, hostname, subdomain: sub } = pod.spec;
  if (hostnameOverride !== undefined) {
    if (!dnsSubdomain.test(hostnameOverride) || hostnameOverride.length > 253)
      throw notA('DNS subdomain', 'HostnameOverride', hostnameOverride);
    return { hostname: truncated(hostnameOverride), domain: '' };
  }
  if (isSet(hostname) && !isLabel(hostname)) throw notA('DNS label', 'Hostname', hostname);
  if (isSet(sub) && !isLabel(sub)) throw notA('DNS label', 'Subdomain', sub);
  return {
    hostname: truncated(isSet(hostname) ? hostname : pod.metadata.name),
    domain: isSet(sub) ? `${sub}.${pod.metadata.namespace}.svc.${clusterDomain}` : '',
  };
}

/**
 * The name the sandbox gets: the short one, or with setHostnameAsFQDN the full one (64 characters at most).
 */
export function kernelHostname(pod: Pod, { hostname, domain }: PodHostname): string {
  if (domain === '' || pod.spec.setHostnameAsFQDN !== true) return hostname;
  const fqdn = `${hostname}.${domain}`;
  if (fqdn.length > maxFqdn)
    throw new FarletError(
      'invalid',
      `failed to construct FQDN from pod hostname and cluster domain, FQDN ${fqdn} is too long (${maxFqdn} characters is the max, ${fqdn.length} characters requested)`,
    );
  return fqdn;
}

function truncated(hostname: string): string {
  return hostname.length <= maxHostname ? hostname : hostname.slice(0, maxHostname).replace(/[-.]+$/, '');
}

function isSet(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

function isLabel(text: string): boolean {
  return label.test(text) && text.length <= 63;
}

function notA(kind: string, field: string, value: string): FarletError {
  return new FarletError('invalid', `pod ${field} ${goQuote(value)} is not a valid ${kind}`);
}
