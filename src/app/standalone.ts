import type { Config } from './config/schema.ts';

/**
 * Why a configuration can't run without an API server, undefined if it can: then there are static pods and
 * nothing else, and nobody to ask who may do what.
 */
export function standaloneProblem(config: Config): string | undefined {
  const { nodes, authorization } = config;
  const own = nodes.findIndex(({ kubeconfig }) => kubeconfig !== undefined);
  if (own >= 0)
    return `nodes[${String(own)}].kubeconfig: no API server is configured for farlet itself, whose account watches what nodes share: give --kubeconfig FILE too`;
  const without = nodes.filter(({ staticPodPath }) => staticPodPath === undefined).map(({ name }) => name);
  if (without.length > 0)
    return `no API server is configured and node ${without.join(', ')} has no staticPodPath: give --kubeconfig FILE, or a staticPodPath for every node`;
  if (authorization.mode === 'Webhook')
    return 'authorization.mode: Webhook asks an API server and none is configured: set it to AlwaysAllow, and authentication.x509.clientCAFile to say who may call the kubelet API';
  if (config.serverTLSBootstrap)
    return 'serverTLSBootstrap: true asks an API server for certificates and none is configured: leave it out, or give tlsCertFile and tlsPrivateKeyFile';
  return undefined;
}
