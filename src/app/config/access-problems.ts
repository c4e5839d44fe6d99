/** Whether the kubelet API is open to more than it is meant for. Pure. */
import { isIPv4 } from 'node:net';
import type { Config } from './schema.ts';

export function accessProblems({ authentication, authorization, address }: Config): string[] {
  if (authorization.mode !== 'AlwaysAllow' || authentication.x509.clientCAFile !== undefined) return [];
  if (isLoopback(address)) return [];
  return [
    `authorization.mode: AlwaysAllow without authentication.x509.clientCAFile lets everybody with any token of the cluster enter every pod, from wherever address ${address} can be reached: set clientCAFile to the CA of those who may, or address to 127.0.0.1`,
  ];
}

function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || (isIPv4(address) && address.startsWith('127.'));
}
