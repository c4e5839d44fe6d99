/**
 * Of a domain that is not Kubernetes' own, as devices are (pkg/apis/core/v1/helper IsExtendedResourceName).
 */
export function isExtendedResource(name: string): boolean {
  const [domain, rest] = name.split('/');
  if (rest === undefined || domain === undefined || name.startsWith('requests.')) return false;
  return domain !== 'kubernetes.io' && !domain.endsWith('.kubernetes.io');
}
