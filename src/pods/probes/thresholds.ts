import type { Probe } from '../../model/kube.ts';
import type { ProbeKind, ProbeResult } from './probe.ts';

/** Equal outcomes in a row of one container's probe. */
export interface ResultRun {
  readonly last: 'success' | 'failure' | undefined;
  readonly length: number;
}

export const noRun: ResultRun = { last: undefined, length: 0 };

export interface Judgement {
  readonly run: ResultRun;
  /** the result to publish, or undefined while the threshold is not reached */
  readonly result: 'success' | 'failure' | undefined;
  /** probing stops until the container is another one (pkg/kubelet/prober/worker.go onHold) */
  readonly hold: boolean;
}

/** Counts one outcome against the probe's thresholds. Pure. */
export function judge(
  kind: ProbeKind,
  probe: Probe,
  run: ResultRun,
  outcome: 'success' | 'failure',
): Judgement {
  const length = run.last === outcome ? run.length + 1 : 1;
  const threshold = outcome === 'failure' ? (probe.failureThreshold ?? 3) : (probe.successThreshold ?? 1);
  if (length < threshold) return { run: { last: outcome, length }, result: undefined, hold: false };
  const hold = kind === 'startup' || (kind === 'liveness' && outcome === 'failure');
  return { run: { last: outcome, length: hold ? 0 : length }, result: outcome, hold };
}

/** One more failure decides again: as it was just before the last one. Pure. */
export function beforeFailure(probe: Probe): ResultRun {
  return { last: 'failure', length: (probe.failureThreshold ?? 3) - 1 };
}

/** What counts for a container before its first result (pkg/kubelet/prober/worker.go newWorker). */
export const initialResult: Record<ProbeKind, ProbeResult> = {
  readiness: 'failure',
  liveness: 'success',
  startup: 'unknown',
};
