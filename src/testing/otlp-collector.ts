/** A collector of traces: takes spans by OTLP over gRPC and keeps them. */
import { loadPackageDefinition, Server, ServerCredentials, type GrpcObject } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';

export interface CollectedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** "" for the first of a trace */
  readonly parentId: string;
  readonly kind: number;
  /** ns since the epoch */
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
  /** trace ids */
  readonly links: readonly string[];
  readonly error: string | undefined;
}

export interface OtlpCollector {
  /** as gRPC takes it */
  readonly endpoint: string;
  readonly spans: CollectedSpan[];
  close(): void;
}

interface KeyValue {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>> & { readonly value: string };
}

interface WireSpan {
  readonly trace_id: Buffer;
  readonly span_id: Buffer;
  readonly parent_span_id: Buffer;
  readonly name: string;
  readonly kind: number;
  readonly start_time_unix_nano: string;
  readonly end_time_unix_nano: string;
  readonly attributes: readonly KeyValue[];
  readonly links: readonly { readonly trace_id: Buffer }[];
  readonly status: { readonly message: string; readonly code: number } | null;
}

interface WireRequest {
  readonly resource_spans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] } | null;
    readonly scope_spans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}

const ERROR = 2;

/** `address`: default: loopback and a free port; or `unix:` and a path. */
export async function startOtlpCollector(address = '127.0.0.1:0'): Promise<OtlpCollector> {
  const spans: CollectedSpan[] = [];
  const server = new Server();
  server.addService(traceService(), {
    Export: ({ request }: { request: WireRequest }, answer: (error: null, response: object) => void) => {
      for (const { resource, scope_spans } of request.resource_spans)
        for (const each of scope_spans.flatMap((scope) => scope.spans))
          spans.push(collected(each, attributesOf(resource?.attributes ?? [])));
      answer(null, {});
    },
  });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, got) => {
      if (error === null) resolve(got);
      else reject(error);
    });
  });
  return {
    endpoint: address.startsWith('unix:') ? address : `127.0.0.1:${bound}`,
    spans,
    close: server.forceShutdown.bind(server),
  };
}

function traceService() {
  const file = fileURLToPath(new URL('./otlp.proto', import.meta.url));
  const loaded = loadPackageDefinition(
    loadSync(file, { keepCase: true, longs: String, defaults: true, oneofs: true }),
  );
  const path = ['opentelemetry', 'proto', 'collector', 'trace', 'v1', 'TraceService'];
  const found = path.reduce((at, name) => at[name] as GrpcObject, loaded);
  return (found as unknown as { service: Parameters<Server['addService']>[0] }).service;
}

function collected(span: WireSpan, resource: Readonly<Record<string, unknown>>): CollectedSpan {
  return {
    name: span.name,
    traceId: span.trace_id.toString('hex'),
    spanId: span.span_id.toString('hex'),
    parentId: span.parent_span_id.toString('hex'),
    kind: span.kind,
    start: BigInt(span.start_time_unix_nano),
    end: BigInt(span.end_time_unix_nano),
    attributes: attributesOf(span.attributes),
    resource,
    links: span.links.map(({ trace_id }) => trace_id.toString('hex')),
    error: span.status?.code === ERROR ? span.status.message : undefined,
  };
}

function attributesOf(pairs: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, value[value.value]]));
}
