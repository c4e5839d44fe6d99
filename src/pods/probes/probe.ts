import type { Container, Probe } from '../../model/kube.ts';

export type ProbeKind = 'startup' | 'readiness' | 'liveness';

/**
 * What one attempt said. A warning counts as success but is told in an event; `unknown` says nothing of the
 * container, as the way there was broken: it counts for nothing.
 */
export type ProbeOutcome =
  | { readonly kind: 'success' }
  | { readonly kind: 'warning'; readonly output: string }
  /** `isLate`: the time was over before anything was answered */
  | { readonly kind: 'failure'; readonly output: string; readonly isLate?: true }
  | { readonly kind: 'unknown'; readonly why: string };

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

/**
 * Probe bodies and exec output are read up to this many bytes (pkg/probe: maxRespBodyLength, exec
 * maxReadLength).
 */
export const MAX_OUTPUT_BYTES = 10 * 1024;

/**
 * A probe that came to no result: told in an event, and counted for nothing (pkg/kubelet/prober/prober.go).
 */
export class ProbeError extends Error {
  /** what the event calls the state */
  readonly result: 'failure' | 'unknown';
  constructor(result: 'failure' | 'unknown', message: string, options?: ErrorOptions) {
    super(message, options);
    this.result = result;
  }
}

/** Seconds as Go prints a duration: 1 → 1s, 90 → 1m30s, 3600 → 1h0m0s. */
export function goSeconds(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const small = `${String(seconds % 60)}s`;
  if (minutes === 0) return small;
  return hours === 0 ? `${String(minutes)}m${small}` : `${String(hours)}h${String(minutes % 60)}m${small}`;
}
