/**
 * Spans of OpenTelemetry's SDK, sent by OTLP. The only file that knows the SDK; loaded where tracing is
 * configured, and nowhere else. Sampling is the kubelet's (component-base/tracing): the parent's word
 * counts; a trace that begins here is kept at the configured rate.
 */
import {
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Link,
  type Span as SdkSpan,
  type SpanContext,
  type Tracer as SdkTracer,
} from '@opentelemetry/api';
import { parseTraceParent } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type ReadableSpan,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';
import { messageOf } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import type { Clock } from '../util/clock.ts';
import { OtlpExporter } from './otlp-exporter.ts';
import type { Span, SpanAttributes, SpanStart, Tracer } from './tracer.ts';

export interface OtlpTracerOptions {
  /** a gRPC target, without TLS */
  readonly endpoint: string;
  /** of a million traces that begin here, how many are kept; 0: none */
  readonly samplingRatePerMillion: number;
  readonly version: string;
  /** name of the machine that farlet runs on */
  readonly machine: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
  readonly onSpans: (count: number, outcome: 'exported' | 'dropped') => void;
}

const MAX_QUEUE = 2_048;
const MAX_BATCH = 512;
/** Errors of runtimes may quote what pods wrote. */
const MAX_TEXT = 1_024;

export function createOtlpTracer(options: OtlpTracerOptions): Tracer {
  const { endpoint, samplingRatePerMillion, version, machine, clock, log, onSpans } = options;
  const queue = new BoundedQueue(new OtlpExporter({ endpoint, clock, log, onSpans }), onSpans);
  const provider = new TracerProvider({
    sampler: new ParentBasedSampler({
      root:
        samplingRatePerMillion === 0
          ? new AlwaysOffSampler()
          : new TraceIdRatioBasedSampler(samplingRatePerMillion / 1e6),
    }),
    spanLimits: { attributeValueLengthLimit: MAX_TEXT },
    resource: resourceFromAttributes({
      'service.name': 'farlet',
      'service.version': version,
      'host.name': machine,
    }),
    spanProcessors: [queue],
  });
  return new OtlpTracer(provider, version);
}

class OtlpTracer implements Tracer {
  readonly #provider: TracerProvider;
  readonly #tracer: SdkTracer;

  constructor(provider: TracerProvider, version: string) {
    this.#provider = provider;
    this.#tracer = provider.getTracer('farlet', version);
  }

  start({ name, kind = 'internal', parent, link, attributes, startMs }: SpanStart): Span {
    const context = contextOf(parent);
    const linked = link === undefined ? undefined : parseTraceParent(link);
    const links: Link[] = linked === null || linked === undefined ? [] : [{ context: linked }];
    const span = this.#tracer.startSpan(
      name,
      {
        kind: kind === 'client' ? SpanKind.CLIENT : SpanKind.INTERNAL,
        ...(attributes === undefined ? {} : { attributes }),
        ...(startMs === undefined ? {} : { startTime: startMs }),
        links,
      },
      context,
    );
    return new OtlpSpan(span);
  }

  close(): Promise<void> {
    return this.#provider.shutdown();
  }
}

class OtlpSpan implements Span {
  readonly span: SdkSpan;
  #hasEnded = false;

  constructor(span: SdkSpan) {
    this.span = span;
  }

  get traceparent(): string {
    return traceparentOf(this.span.spanContext());
  }

  end({
    error,
    attributes,
    endMs,
  }: { error?: unknown; attributes?: SpanAttributes; endMs?: number } = {}): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (attributes !== undefined) this.span.setAttributes(attributes);
    if (error !== undefined) {
      const message = messageOf(error).slice(0, MAX_TEXT);
      this.span.recordException({ name: error instanceof Error ? error.name : 'Error', message });
      this.span.setStatus({ code: SpanStatusCode.ERROR, message });
    }
    this.span.end(endMs);
  }
}

/** Counts what is dropped, which the SDK's own queue keeps to itself. */
class BoundedQueue implements SpanProcessor {
  readonly #inner: BatchSpanProcessor;
  readonly #exporter: OtlpExporter;
  readonly #onSpans: OtlpTracerOptions['onSpans'];
  #waiting = 0;

  constructor(exporter: OtlpExporter, onSpans: OtlpTracerOptions['onSpans']) {
    this.#onSpans = onSpans;
    this.#exporter = exporter;
    this.#inner = new BatchSpanProcessor({
      exporter: {
        export: (spans, done) => {
          this.#waiting -= spans.length;
          exporter.export(spans, done);
        },
        shutdown: () => Promise.resolve(),
      },
      maxQueueSize: MAX_QUEUE,
      maxExportBatchSize: MAX_BATCH,
    });
  }

  onStart(): void {
    // only what has ended is told
  }

  onEnd(span: ReadableSpan): void {
    if (this.#waiting >= MAX_QUEUE) {
      this.#onSpans(1, 'dropped');
      return;
    }
    this.#waiting += 1;
    this.#inner.onEnd(span);
  }

  forceFlush(): Promise<void> {
    return this.#inner.forceFlush();
  }

  async shutdown(): Promise<void> {
    // ends with the first batch that fails, while others are under way
    await this.#inner.shutdown().catch(() => undefined);
    await this.#exporter.shutdown();
  }
}

function contextOf(parent: SpanStart['parent']): Context {
  if (parent instanceof OtlpSpan) return trace.setSpan(ROOT_CONTEXT, parent.span);
  const remote = typeof parent === 'string' ? parseTraceParent(parent) : null;
  return remote === null || !isSpanContextValid(remote)
    ? ROOT_CONTEXT
    : trace.setSpanContext(ROOT_CONTEXT, { ...remote, isRemote: true });
}

function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-0${traceFlags & 1}`;
}
