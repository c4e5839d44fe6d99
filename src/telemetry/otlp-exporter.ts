/** Sends spans to a collector by OTLP over gRPC, without TLS, as a kubelet does. */
import { ChannelCredentials, Client, Metadata, type ServiceError } from '@grpc/grpc-js';
import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Log } from '../model/log.ts';
import type { Clock } from '../util/clock.ts';

export interface OtlpExporterOptions {
  readonly endpoint: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
  readonly onSpans: (count: number, outcome: 'exported' | 'dropped') => void;
}

const METHOD = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const EXPORT_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * Nothing is sent twice: what a collector does not take is dropped and counted, and the log has one line
 * about it until the collector takes something again.
 */
export class OtlpExporter {
  readonly #options: OtlpExporterOptions;
  readonly #client: Client;
  readonly #running = new Set<Promise<undefined>>();
  #isFailing = false;

  constructor(options: OtlpExporterOptions) {
    this.#options = options;
    this.#client = new Client(options.endpoint, ChannelCredentials.createInsecure(), {
      'grpc.max_receive_message_length': MAX_ANSWER_BYTES,
      'grpc.enable_retries': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.max_reconnect_backoff_ms': 30_000,
    });
  }

  /** Calls back once, at the latest after ten seconds. */
  export(spans: readonly ReadableSpan[], done: (result: ExportResult) => void): void {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#running.add(promise);
    this.#send(spans, (result) => {
      this.#running.delete(promise);
      resolve(undefined);
      done(result);
    });
  }

  /** Resolves when what is under way has ended. */
  async shutdown(): Promise<void> {
    await Promise.all(this.#running);
    this.#client.close();
  }

  #send(spans: readonly ReadableSpan[], done: (result: ExportResult) => void): void {
    const { clock, onSpans } = this.#options;
    this.#client.makeUnaryRequest(
      METHOD,
      (sent: readonly ReadableSpan[]) => serialized(sent),
      (answer: Buffer) => ProtobufTraceSerializer.deserializeResponse(answer),
      spans,
      new Metadata(),
      { deadline: clock.now() + EXPORT_MS },
      (error, answer) => {
        const rejected = Math.min(answer?.partialSuccess?.rejectedSpans ?? 0, spans.length);
        const dropped = error === null ? rejected : spans.length;
        if (dropped > 0) onSpans(dropped, 'dropped');
        if (dropped < spans.length) onSpans(spans.length - dropped, 'exported');
        this.#report(error, answer?.partialSuccess?.errorMessage);
        done(error === null ? { code: ExportResultCode.SUCCESS } : { code: ExportResultCode.FAILED, error });
      },
    );
  }

  #report(error: ServiceError | null, complaint: string | undefined): void {
    const { endpoint, log } = this.#options;
    const isFailing = error !== null || (complaint !== undefined && complaint !== '');
    if (isFailing && !this.#isFailing)
      log.warn(
        { endpoint, ...(error === null ? { reason: complaint } : { err: error }) },
        'traces are lost: the collector of tracing.endpoint does not take them',
      );
    else if (!isFailing && this.#isFailing) log.info({ endpoint }, 'the collector takes traces again');
    this.#isFailing = isFailing;
  }
}

function serialized(spans: readonly ReadableSpan[]): Buffer {
  const bytes = ProtobufTraceSerializer.serializeRequest([...spans]);
  if (bytes === undefined) throw new Error('the spans could not be written as OTLP');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
