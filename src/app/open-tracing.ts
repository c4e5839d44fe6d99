/** Tracing, where it is configured. Composition only. */
import { hostname } from 'node:os';
import type { Config } from './config/schema.ts';
import type { Log } from '../model/log.ts';
import type { ProcessMetrics } from '../telemetry/metrics.ts';
import type * as otlpTracer from '../telemetry/otlp-tracer.ts';
import { Tracing } from '../telemetry/tracing.ts';
import type { Clock } from '../util/clock.ts';

export type TracerModule = typeof otlpTracer;

/** Loads what traces are made with: a farlet without them does not have it in its memory. */
export async function loadTracer({ tracing }: Config): Promise<TracerModule | undefined> {
  return tracing === undefined ? undefined : import('../telemetry/otlp-tracer.ts');
}

/** Connects to nothing yet. */
export function openTracing(
  {
    config,
    tracerModule,
    version,
    log,
  }: { config: Config; tracerModule: TracerModule | undefined; version: string; log: Log },
  { metrics, clock }: { metrics: ProcessMetrics; clock: Clock },
): Tracing | undefined {
  if (config.tracing === undefined || tracerModule === undefined) return undefined;
  const tracer = tracerModule.createOtlpTracer({
    ...config.tracing,
    version,
    machine: hostname(),
    clock,
    log,
    onSpans: (count, outcome) => {
      metrics.farlet_trace_spans_total.inc({ outcome }, count);
    },
  });
  return new Tracing(tracer);
}
