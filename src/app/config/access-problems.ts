/** Whether the kubelet API is open to more than it is meant for. Pure. */
import { isIPv4 } from 'node:net';
import type { Config } from './schema.ts';

export function accessProblems(config: Config): string[] {
  return [...certificateProblems(config), ...openProblems(config)];
}

function certificateProblems(config: Config): string[] {
  const { serverTLSBootstrap, approveServingCertificates, tlsCertFile } = config;
  return [
    ...(serverTLSBootstrap && tlsCertFile !== undefined
      ? ['serverTLSBootstrap: tlsCertFile says which certificate to take; leave one of the two out']
      : []),
    ...(approveServingCertificates && !serverTLSBootstrap
      ? ['approveServingCertificates: nothing is asked for unless serverTLSBootstrap is true']
      : []),
  ];
}

function openProblems({ authentication, authorization, address }: Config): string[] {
  if (authorization.mode !== 'AlwaysAllow' || authentication.x509.clientCAFile !== undefined) return [];
  if (isLoopback(address)) return [];
  return [
    `authorization.mode: AlwaysAllow without authentication.x509.clientCAFile lets everybody with any token of the cluster enter every pod, from wherever address ${address} can be reached: set clientCAFile to the CA of those who may, or address to 127.0.0.1`,
  ];
}

function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || (isIPv4(address) && address.startsWith('127.'));
}
