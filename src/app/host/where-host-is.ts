/** Which addresses a host has, as far as the configuration and farlet's own place tell. Pure. */
import { isIP } from 'node:net';
import type { HostConfig } from '../config/schema.ts';
import type { NodeHostOptions } from '../../node/node-host.ts';

export interface OwnPlace {
  /** where the API server reaches farlet */
  readonly nodeIPs: readonly string[];
  /** as the configuration has them, if it does: the node has their families, and no other */
  readonly nodeIP: readonly string[] | undefined;
  /** of the machine that farlet's pod is on, if it is in one */
  readonly hostIP: string | undefined;
}

/**
 * A host on this machine is where farlet's pod is, whose own network is another than the machine's. A host
 * that does not tell is where farlet reaches it.
 */
export function whereHostIs(
  host: Pick<HostConfig, 'address' | 'endpoint'> | undefined,
  { nodeIPs, nodeIP, hostIP }: OwnPlace,
): Pick<NodeHostOptions, 'addresses' | 'fallbackAddresses' | 'families'> {
  const url = URL.parse(host?.endpoint ?? '');
  const isHere = url?.protocol === 'unix:';
  const reached = url?.hostname.replace(/^\[|\]$/g, '') ?? '';
  return {
    addresses: host?.address ?? (isHere && hostIP !== undefined ? [hostIP] : []),
    families: nodeIP?.map(isIP) ?? [4, 6],
    fallbackAddresses: isIP(reached) === 0 ? nodeIPs : [reached],
  };
}
