/** What farlet needs to reach a host, or the API server, by a proxy on this machine. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { ControlPlane } from './control-plane.ts';
import type { FarletHost, FarletOptions } from './farlet.ts';
import type { RemoteHost } from './remote-host.ts';

/** The host on ssh as one at the proxy's port. Files that go with it are written to the folder. */
export function hostThrough(host: RemoteHost, proxy: { port: number }, folder: string): FarletHost {
  mkdirSync(folder, { recursive: true });
  const known = readFileSync(host.ssh.knownHostsFile, 'utf8');
  const knownHostsFile = `${folder}/known_hosts`;
  writeFileSync(knownHostsFile, known.replace(host.address, `[127.0.0.1]:${proxy.port}`));
  const endpoint = host.endpoint.replace(host.address, `127.0.0.1:${proxy.port}`);
  return { ...host, endpoint, ssh: { ...host.ssh, knownHostsFile } };
}

/** The API server as one at the proxy's port: TLS ends at the server, as it does without. */
export function planeThrough(
  plane: ControlPlane,
  proxy: { port: number },
  folder: string,
): FarletOptions['plane'] {
  mkdirSync(folder, { recursive: true });
  const direct = readFileSync(plane.kubeconfig, 'utf8');
  const kubeconfig = `${folder}/kubeconfig`;
  writeFileSync(kubeconfig, direct.replaceAll(plane.server, `https://127.0.0.1:${proxy.port}`));
  return { kubeconfig, clientCa: plane.clientCa };
}
