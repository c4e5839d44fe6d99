import { goQuote } from '../model/go-quote.ts';
import type { Container, Probe } from '../model/kube.ts';

export type ProbeKind = 'startup' | 'readiness' | 'liveness';

/** What one attempt said. A warning counts as success but is told in an event. */
export type ProbeOutcome =
  | { readonly kind: 'success' }
  | { readonly kind: 'warning'; readonly output: string }
  | { readonly kind: 'failure'; readonly output: string };

/** The result that counts, after thresholds. */
export type ProbeResult = 'success' | 'failure' | 'unknown';

/** How kinds are written in events. */
export const probeNames: Record<ProbeKind, string> = {
  startup: 'Startup',
  readiness: 'Readiness',
  liveness: 'Liveness',
};

export function probeOf(container: Container, kind: ProbeKind): Probe | undefined {
  switch (kind) {
    case 'startup':
      return container.startupProbe;
    case 'readiness':
      return container.readinessProbe;
    case 'liveness':
      return container.livenessProbe;
  }
}

/** Probe bodies and exec output are read up to this many bytes (pkg/probe: maxRespBodyLength, exec maxReadLength). */
export const MAX_OUTPUT_BYTES = 10 * 1024;

/** The port a probe names, by number or by the name of a container port (pkg/probe/util.go ResolveContainerPort). */
export function resolvePort(port: number | string, container: Container): number {
  const number = typeof port === 'number' ? port : namedPort(port, container);
  if (number > 0 && number < 65_536) return number;
  throw new Error(`invalid port number: ${String(number)}`);
}

/** A name that no port has may still be a number. */
function namedPort(name: string, { ports = [] }: Container): number {
  const found = ports.find((port) => port.name === name)?.containerPort;
  if (found === undefined && !/^[+-]?\d+$/.test(name))
    throw new Error(`strconv.Atoi: parsing ${goQuote(name)}: invalid syntax`);
  return found ?? Number(name);
}

/** Seconds as Go prints a duration: 1 → 1s, 90 → 1m30s. */
export function goSeconds(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${String(seconds)}s` : `${String(minutes)}m${String(seconds % 60)}s`;
}
