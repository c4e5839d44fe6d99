/** Where the set-up keeps what it has built (scripts/setup.sh prints and fills it). */
import { readdirSync, existsSync } from 'node:fs';
import { homedir } from 'node:os';

export const cacheFolder = process.env.FARLET_CACHE ?? `${homedir()}/.cache/farlet`;

function builtFolder(prefix: string, by = 'scripts/setup.sh'): string {
  const found = existsSync(cacheFolder)
    ? readdirSync(cacheFolder).find((name) => name.startsWith(prefix))
    : undefined;
  if (found === undefined) throw new Error(`${cacheFolder}/${prefix}* is missing: run ${by} first`);
  return `${cacheFolder}/${found}`;
}

/** The multi-call program of e2e/control-plane, as the command that starts one of its programs. */
export function kubernetes(program: string): string[] {
  return [`${builtFolder('control-plane-')}/control-plane`, program];
}

/** The folder with containerd 2.x, its shim and ctr. */
export function containerd2(): string {
  return builtFolder('containerd-');
}

/** Helm of either major version. */
export function helm(major: 3 | 4 = 4): string {
  return `${builtFolder(`helm-v${String(major)}-`)}/helm`;
}

/** The OCI archive with farlet's own image, localhost/farlet of the package's version. */
export function farletImage(): string {
  return `${builtFolder('image-', 'scripts/setup-image.sh')}/farlet.tar`;
}

/** A real kubelet, of the control plane's version (scripts/setup-kubelet.sh builds it). */
export function kubelet(): string {
  return `${builtFolder('kubelet-', 'scripts/setup-kubelet.sh')}/kubelet`;
}

/** The folder with gVisor's runsc and its shim (scripts/setup-remote.sh builds them). */
export function gvisor(): string {
  return builtFolder('gvisor-', 'scripts/setup-remote.sh');
}

/** The OCI archive with the images of agents that nodes run (scripts/setup-agents.sh makes them). */
export function agentArchive(): string {
  return `${builtFolder('agents-', 'scripts/setup-agents.sh')}/agents.tar`;
}

/** metrics-server, as a program of its own (scripts/setup.sh builds it). */
export function metricsServer(): string {
  return `${builtFolder('clients-')}/metrics-server`;
}

/** Prometheus, or promtool (scripts/setup-clients.sh builds them). */
export function prometheus(program: 'prometheus' | 'promtool' = 'prometheus'): string {
  return `${builtFolder('prometheus-', 'scripts/setup-clients.sh')}/${program}`;
}

/** OpenTelemetry's kubeletstats receiver, as a program of its own (scripts/setup-clients.sh builds it). */
export function kubeletStats(): string {
  return `${builtFolder('kubeletstats-', 'scripts/setup-clients.sh')}/kubeletstats`;
}

/** The OCI archive with the images that scenarios use. */
export function imageArchive(): string {
  return `${builtFolder('images-')}/images.tar`;
}
