/** /configz: the configuration in the form of KubeletConfiguration (kubelet.config.k8s.io/v1beta1). Pure. */
import { goDuration } from '../../model/go-time.ts';

/** farlet's own keys, which KubeletConfiguration has not. */
const OWN = new Set([
  'apiVersion',
  'kind',
  'nodes',
  'kubernetesServiceAddress',
  'logLevel',
  'metricsBindAddress',
  'metricsPort',
]);
const DURATION = /(Frequency|Period|Age|Interval|Timeout|TTL|BackOff)$/;

/** Keys with the same meaning in both; nothing secret is among them, files are only named. */
export function configz(
  config: object,
  node: { readonly port: number; readonly registerWithTaints: readonly object[] },
): object {
  const shared = Object.entries(config as Readonly<Record<string, unknown>>).filter(([key]) => !OWN.has(key));
  return {
    kubeletconfig: {
      kind: 'KubeletConfiguration',
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      enableServer: true,
      enableDebuggingHandlers: true,
      ...Object.fromEntries(shared.map(([key, value]) => [key, shown(key, value)])),
      port: node.port,
      registerWithTaints: node.registerWithTaints,
    },
  };
}

function shown(key: string, value: unknown): unknown {
  if (typeof value === 'number' && DURATION.test(key)) return goDuration(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([inner, each]) => [inner, shown(inner, each)]));
}
