/**
 * Spans as farlet's parts make them: what there is to say of OpenTelemetry outside of the one file that
 * speaks it.
 */

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanStart {
  readonly name: string;
  /** default: internal; client for calls to others */
  readonly kind?: 'internal' | 'client';
  /**
   * the span that this one belongs to, or the W3C traceparent of one; one that is malformed counts for
   * nothing
   */
  readonly parent?: Span | string | undefined;
  /** W3C traceparent of a span that led to this one and does not contain it */
  readonly link?: string | undefined;
  readonly attributes?: SpanAttributes;
  /** ms since the epoch; default: now */
  readonly startMs?: number;
}

export interface SpanEnd {
  /** what the work that it stands for failed with */
  readonly error?: unknown;
  readonly attributes?: SpanAttributes;
  /** ms since the epoch; default: now */
  readonly endMs?: number;
}

/** A span under way. One that is never ended is never told. */
export interface Span {
  /** W3C traceparent, for the process that continues the trace */
  readonly traceparent: string;
  /** The first call counts. */
  end(end?: SpanEnd): void;
}

export interface Tracer {
  start(span: SpanStart): Span;
  /** Sends what is left. Resolves when that is done or has failed; what ends afterwards is lost. */
  close(): Promise<void>;
}
