/** One host's CRI over one gRPC channel: promises, deadlines, signals, and errors that name the host. */
import {
  ChannelCredentials,
  loadPackageDefinition,
  Metadata,
  status,
  type CallOptions as GrpcCallOptions,
  type ClientReadableStream,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CriError, messageOf } from '../../model/errors.ts';
import { own } from '../../model/own.ts';
import { systemClock, type Clock } from '../../util/clock.ts';
import { shortRound } from '../../util/rounds.ts';
import type { CallOptions, CriClient } from './calls.ts';
import { criError } from './errors.ts';
import type { ProtoGrpcType } from './generated/cri.ts';
import { ListDecoder } from './list-decoder.ts';
import { boundedTimeout, operationType, timeoutMs } from './operations.ts';
import { representableRequest } from './representable-request.ts';
import type { ContainerEventResponse__Output } from './generated/runtime/v1/ContainerEventResponse.ts';

/** How to reach a runtime; hosts/link/link.ts CriEndpoint satisfies it. */
export interface CriTarget {
  readonly target: string;
  readonly watched?: boolean;
  readonly tls?: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer };
}

/** One call that has ended, for metrics. */
export interface CriCall {
  /** the kubelet's operation_type, e.g. run_podsandbox */
  readonly operation: string;
  readonly seconds: number;
  readonly error: CriError | undefined;
}

/** What traces know of a call under way. */
export interface CriCallSpan {
  /** W3C traceparent: the runtime continues the trace */
  readonly traceparent: string;
  end(end: { error?: unknown }): void;
}

export interface ConnectCriOptions {
  readonly endpoint: CriTarget;
  /** names the host in errors */
  readonly host: string;
  readonly clock?: Pick<Clock, 'monotonic' | 'now'>;
  readonly onCall?: (call: CriCall) => void;
  /**
   * a call begins, named as gRPC does (`runtime.v1.RuntimeService/Version`); what is told of it, if it is
   * traced
   */
  readonly onBegin?: ((service: string, method: string) => CriCallSpan | undefined) | undefined;
}

/** The kubelet's message limit (cri-client: maxMsgSize 16 MiB). */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

const channelOptions = {
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.use_local_subchannel_pool': 1,
};

/** A link that is half open is noticed within 40 s although nothing is asked over it. */
const keepalive = { 'grpc.keepalive_time_ms': 30_000, 'grpc.keepalive_timeout_ms': 10_000 };

/** One method of a service: the call, whose answer is bytes still, and what they say. */
interface Unary {
  readonly call: (
    request: object,
    metadata: Metadata,
    options: GrpcCallOptions,
    callback: (error: ServiceError | null, answer?: Buffer) => void,
  ) => { cancel(): void };
  /** throws whatever protobuf makes of bytes that are no such message */
  readonly decode: (bytes: Buffer) => object;
}

/** Opens the channel lazily: nothing is dialed before the first call. Nothing is retried. */
export function connectCri(options: ConnectCriOptions): CriClient {
  const { runtime, image } = openClients(options.endpoint);
  const clients = [runtime, image];
  const methods = Object.fromEntries(
    clients.flatMap((client) =>
      Object.entries(serviceMethods(client))
        .filter(([, { responseStream }]) => !responseStream)
        .map(([name]) => [lowerFirst(name), unary(options, { name, client })] as const),
    ),
  );
  const rest: Pick<CriClient, 'getContainerEvents' | 'close'> = {
    getContainerEvents: ({ signal }) => containerEvents(runtime.getContainerEvents({}), options.host, signal),
    close: () => {
      for (const client of clients) client.close();
    },
  };
  // the loop above makes exactly the methods of the service definitions, which CriClient is mapped from
  return { ...(methods as unknown as CriClient), ...rest };
}

type Clients = ReturnType<typeof openClients>;
type Client = Clients[keyof Clients];

function openClients(endpoint: CriTarget): {
  runtime: InstanceType<ProtoGrpcType['runtime']['v1']['RuntimeService']>;
  image: InstanceType<ProtoGrpcType['runtime']['v1']['ImageService']>;
} {
  const { v1 } = loadProto().runtime;
  const { tls, target } = endpoint;
  const credentials =
    tls === undefined
      ? ChannelCredentials.createInsecure()
      : ChannelCredentials.createSsl(tls.ca, tls.key, tls.cert);
  const options = endpoint.watched === true ? channelOptions : { ...channelOptions, ...keepalive };
  const runtime = new v1.RuntimeService(target, credentials, options);
  const image = new v1.ImageService(target, credentials, {
    ...options,
    channelOverride: runtime.getChannel(),
  });
  return { runtime, image };
}

let loaded: ProtoGrpcType | undefined;

/**
 * Loads what every connection is made of: tens of milliseconds of one piece, which a process that is to
 * answer others has behind it then. Otherwise the first connection does it.
 */
export function loadProtocol(): void {
  loadProto();
}

/** Options must be those the checked-in types were generated with (scripts/generate-proto-types.ts). */
function loadProto(): ProtoGrpcType {
  loaded ??= loadPackageDefinition(
    loadSync(protoFile(), { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true }),
  ) as unknown as ProtoGrpcType;
  return loaded;
}

/** proto/ lies beside dist/ and beside src/. */
function protoFile(): string {
  const candidates = ['../proto/cri.proto', '../../../proto/cri.proto'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const found = candidates.find((path) => existsSync(path));
  if (found === undefined)
    throw new Error(`farlet is not whole: proto/cri.proto is missing (looked at ${candidates.join(', ')})`);
  return found;
}

type Method = MethodDefinition<object, object>;

function serviceMethods(client: Client): Readonly<Record<string, Method>> {
  return (client.constructor as unknown as { service: Readonly<Record<string, Method>> }).service;
}

/** Lists that are asked for every second where a runtime has no container events, and their only field. */
const lists: ReadonlyMap<string, string> = new Map([
  ['ListPodSandbox', 'items'],
  ['ListContainers', 'containers'],
]);

function unaryOf(client: Client, name: string, clock: Pick<Clock, 'monotonic'>): Unary {
  const method = own(serviceMethods(client), name);
  if (method === undefined) throw new Error(`the generated client has no ${name}`);
  const field = lists.get(name);
  const decoder =
    field === undefined
      ? { decode: method.responseDeserialize }
      : new ListDecoder({
          decode: method.responseDeserialize,
          field,
          monotonic: () => clock.monotonic(),
        });
  return {
    call: (request, metadata, options, callback) =>
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        asBytes,
        request,
        metadata,
        options,
        callback,
      ),
    decode: (bytes) => decoder.decode(bytes),
  };
}

/**
 * What tells of many things, and of many hosts perhaps in the same round of the loop. The answer to what
 * changes something is short, and a pod waits for it.
 */
const READING = /^List|^(PodSandbox|Container|Image)(Stats|Status)$/;

function asBytes(bytes: Buffer): Buffer {
  return bytes;
}

function unary(
  { host, onCall, onBegin, clock = systemClock }: ConnectCriOptions,
  { name, client }: { name: string; client: Client },
) {
  const { call, decode } = unaryOf(client, name, clock);
  const service = serviceName(client, name);
  const about = { method: name, host };
  const isForReading = READING.test(name);
  const decoded = (bytes: Buffer): object => {
    try {
      return decode(bytes);
    } catch (error) {
      throw unreadable(error, about);
    }
  };
  return async (asked: object, options: CallOptions = {}): Promise<object> => {
    const { signal } = options;
    signal?.throwIfAborted();
    const request = boundedTimeout(asked);
    const limit = timeoutMs(name, request, options);
    const sent = representableRequest(request, about);
    if (isForReading) {
      await shortRound();
      signal?.throwIfAborted();
    }
    const started = clock.monotonic();
    const span = onBegin?.(service, name);
    let answeredAt: number | undefined;
    const ended = (error: CriError | undefined): void => {
      const seconds = ((answeredAt ?? clock.monotonic()) - started) / 1000;
      span?.end({ error });
      onCall?.({ operation: operationType(name), seconds, error });
    };
    let answer: object;
    try {
      const bytes = await new Promise<Buffer>((resolve, reject) => {
        const deadline = limit === undefined ? {} : { deadline: clock.now() + limit };
        const running = call(sent, metadataOf(span), deadline, (error, answer) => {
          answeredAt = clock.monotonic();
          signal?.removeEventListener('abort', cancel);
          if (error === null) resolve(answer ?? Buffer.alloc(0));
          else reject(criError(error, about));
        });
        const cancel = (): void => {
          running.cancel();
        };
        signal?.addEventListener('abort', cancel, { once: true });
      });
      if (isForReading) await shortRound();
      answer = decoded(bytes);
    } catch (error) {
      if (error instanceof CriError) ended(error);
      else span?.end({ error });
      throw signal?.aborted === true ? abortReason(signal) : error;
    }
    ended(undefined);
    return answer;
  };
}

/** Bytes that are no such message are the runtime's fault, as gRPC has it. */
function unreadable(error: unknown, call: { method: string; host: string }): CriError {
  return new CriError(
    {
      kind: 'internal',
      ...call,
      code: status.INTERNAL,
      codeName: 'Internal',
      description: `the answer cannot be read: ${messageOf(error)}`,
    },
    { cause: error },
  );
}

/** `/runtime.v1.RuntimeService/Version` → `runtime.v1.RuntimeService` */
function serviceName(client: Client, name: string): string {
  return own(serviceMethods(client), name)?.path.split('/')[1] ?? '';
}

function metadataOf(span: CriCallSpan | undefined): Metadata {
  const metadata = new Metadata();
  if (span !== undefined) metadata.set('traceparent', span.traceparent);
  return metadata;
}

async function* containerEvents(
  stream: ClientReadableStream<ContainerEventResponse__Output>,
  host: string,
  signal: AbortSignal,
): AsyncIterable<ContainerEventResponse__Output> {
  const cancel = (): void => {
    stream.cancel();
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for await (const event of stream) yield event as ContainerEventResponse__Output;
  } catch (error) {
    signal.throwIfAborted();
    throw criError(error as ServiceError, { method: 'GetContainerEvents', host });
  } finally {
    signal.removeEventListener('abort', cancel);
    stream.cancel();
  }
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
