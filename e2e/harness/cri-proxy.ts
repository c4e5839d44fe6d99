/** Stands between a kubelet and its runtime: passes every call on unchanged and tells of those that end. */
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type CallOptions,
  type GrpcObject,
  type MethodDefinition,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceClientConstructor,
  type ServiceError,
  type UntypedServiceImplementation,
  loadPackageDefinition,
} from '@grpc/grpc-js';
import { loadSync, type Options } from '@grpc/proto-loader';
import { readFileSync, rmSync } from 'node:fs';

/**
 * One unary call that has ended; messages as a kubelet and its runtime wrote them, fields by their names on
 * the wire.
 */
export interface ProxiedCall {
  readonly call: string;
  readonly request: object;
  readonly response?: object;
  readonly error?: { readonly code: number; readonly message: string };
}

/** Where it listens: on a socket, or on an address of this machine, where both ends prove who they are. */
export type CriProxyListener =
  | { readonly socket: string }
  | {
      readonly address: string;
      readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
    };

export interface CriProxy {
  /** unix:// or tcp:// URL for the kubelet's or farlet's configuration */
  readonly endpoint: string;
  /** how many calls came, of whatever kind */
  readonly count: () => number;
  stop(): void;
}

const proto = new URL('../../proto/cri.proto', import.meta.url).pathname;
const maxMessage = 16 * 1024 * 1024;
const channel = { 'grpc.max_receive_message_length': maxMessage, 'grpc.max_send_message_length': maxMessage };
/** 64-bit integers as text and enums by name, nothing that is not on the wire. */
const readable: Options = { keepCase: true, longs: String, enums: String, defaults: false, oneofs: false };
/** The same with numbers, where a value that is zero shows itself. */
const numeric: Options = { ...readable, longs: Number, enums: Number };

type Bytes = MethodDefinition<Buffer, Buffer>;
type AnyMethod = MethodDefinition<object, object>;

/**
 * Serves the CRI in front of the runtime whose socket is `upstream`. Deadlines and cancellations are passed
 * on, streams too; messages go through as bytes, so that fields this contract doesn't know are kept. `wanted`
 * says which calls are decoded and told of.
 */
export async function startCriProxy(options: {
  listener: CriProxyListener;
  upstream: string;
  wanted: (call: string) => boolean;
  onCall: (call: ProxiedCall) => void;
  /** changes every answer and streamed event; default: they go through as bytes */
  alter?: (message: object) => object;
  /** Waited for before a unary call is passed on; one that is cancelled meanwhile never gets there. */
  hold?: (call: string) => Promise<unknown>;
}): Promise<CriProxy> {
  const { listener } = options;
  const removeSocket = (): void => {
    if ('socket' in listener) rmSync(listener.socket, { force: true });
  };
  removeSocket();
  const server = new Server(channel);
  const client = new Client(`unix://${options.upstream}`, credentials.createInsecure(), {
    ...channel,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1000,
  });
  let count = 0;
  for (const [readableMethods, numericMethods] of services()) {
    const definition: Record<string, Bytes> = {};
    const handlers: UntypedServiceImplementation = {};
    for (const [name, method] of Object.entries(readableMethods)) {
      definition[name] = asBytes(method);
      const { alter } = options;
      const altered = (bytes: Buffer): Buffer =>
        alter === undefined ? bytes : method.responseSerialize(alter(method.responseDeserialize(bytes)));
      if (method.responseStream) handlers[name] = passStream(client, method.path, altered);
      else {
        const decoder = new Decoder(method, numericMethods[name] ?? method);
        const told = (request: Buffer, ended: Ended): void => {
          count += 1;
          if (options.wanted(name)) options.onCall({ call: name, ...decoder.decode(request, ended) });
        };
        const pass = passUnary(client, method.path, { told, altered });
        handlers[name] = (call: UnaryCall, reply: sendUnaryData<Buffer>): void => {
          const go = (): void => {
            if (!call.cancelled) pass(call, reply);
          };
          if (options.hold === undefined) go();
          else void options.hold(name).then(go, go);
        };
      }
    }
    server.addService(definition, handlers);
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(...bound(listener), (error, bindsTo) => {
      if (error === null) resolve(bindsTo);
      else reject(error);
    });
  });
  return {
    endpoint: 'socket' in listener ? `unix://${listener.socket}` : `tcp://${listener.address}:${port}`,
    count: () => count,
    stop: () => {
      server.forceShutdown();
      client.close();
      removeSocket();
    },
  };
}

function bound(listener: CriProxyListener): [string, ServerCredentials] {
  if ('socket' in listener) return [`unix://${listener.socket}`, ServerCredentials.createInsecure()];
  const { ca, cert, key } = listener.tls;
  const pair = { cert_chain: readFileSync(cert), private_key: readFileSync(key) };
  return [`${listener.address}:0`, ServerCredentials.createSsl(readFileSync(ca), [pair], true)];
}

type Methods = Record<string, AnyMethod>;

function services(): [Methods, Methods][] {
  const load = (how: Options): Methods[] => {
    const { v1 } = (loadPackageDefinition(loadSync(proto, how)) as { runtime: { v1: GrpcObject } }).runtime;
    return ['RuntimeService', 'ImageService'].map(
      (name) => (v1[name] as ServiceClientConstructor).service as unknown as Methods,
    );
  };
  const numbers = load(numeric);
  return load(readable).map((methods, index) => [methods, numbers[index] ?? {}]);
}

function asBytes(method: AnyMethod): Bytes {
  const same = (bytes: Buffer): Buffer => bytes;
  const { path, requestStream, responseStream } = method;
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

type Ended = { readonly answer: Buffer } | { readonly error: { code: number; message: string } };

type UnaryCall = ServerUnaryCall<Buffer, Buffer>;

interface Passing {
  readonly told: (request: Buffer, ended: Ended) => void;
  readonly altered: (answer: Buffer) => Buffer;
}

function passUnary(client: Client, path: string, { told, altered }: Passing) {
  return (call: UnaryCall, reply: sendUnaryData<Buffer>): void => {
    const same = (bytes: Buffer): Buffer => bytes;
    const ended = (error: ServiceError | null, answer?: Buffer): void => {
      if (error === null) {
        told(call.request, { answer: answer ?? Buffer.alloc(0) });
        reply(null, altered(answer ?? Buffer.alloc(0)));
        return;
      }
      const fault = { code: error.code, message: error.details };
      told(call.request, { error: fault });
      reply({ code: error.code, details: error.details });
    };
    const running = client.makeUnaryRequest(
      path,
      same,
      same,
      call.request,
      new Metadata(),
      until(call),
      ended,
    );
    call.on('cancelled', () => {
      running.cancel();
    });
  };
}

function passStream(client: Client, path: string, altered: (event: Buffer) => Buffer) {
  return (call: ServerWritableStream<Buffer, Buffer>): void => {
    const same = (bytes: Buffer): Buffer => bytes;
    const source = client.makeServerStreamRequest(
      path,
      same,
      same,
      call.request,
      new Metadata(),
      until(call),
    );
    call.on('cancelled', () => {
      source.cancel();
    });
    source.on('data', (bytes: Buffer) => {
      // a kubelet that reads slowly slows its runtime, as without a proxy
      if (!call.write(altered(bytes))) source.pause();
    });
    call.on('drain', () => source.resume());
    source.on('error', (error: ServiceError) => {
      call.emit('error', { code: error.code, details: error.details });
    });
    source.on('end', () => {
      call.end();
    });
  };
}

function until(call: { getDeadline(): Date | number }): CallOptions {
  const deadline = call.getDeadline();
  return deadline === Infinity ? {} : { deadline };
}

/** Messages without what is zero, which Go leaves off the wire and other languages need not. */
class Decoder {
  readonly #readable: AnyMethod;
  readonly #numeric: AnyMethod;

  constructor(readableMethod: AnyMethod, numericMethod: AnyMethod) {
    this.#readable = readableMethod;
    this.#numeric = numericMethod;
  }

  decode(request: Buffer, ended: Ended): Omit<ProxiedCall, 'call'> {
    return {
      request: withoutZeroes(
        this.#readable.requestDeserialize(request),
        this.#numeric.requestDeserialize(request),
      ) as object,
      ...('error' in ended
        ? { error: { code: ended.error.code, message: ended.error.message } }
        : { response: this.#readable.responseDeserialize(ended.answer) }),
    };
  }
}

/** Maps, whose values may be empty and are there all the same. */
const maps = new Set(['labels', 'annotations', 'sysctls', 'unified']);

/**
 * `named`, less the fields that are zero in `numbered`, its twin with enums and 64-bit integers as numbers.
 */
export function withoutZeroes(named: unknown, numbered: unknown): unknown {
  if (Buffer.isBuffer(named)) return named.toString('utf8');
  if (Array.isArray(named)) {
    const twins = numbered as unknown[];
    return named.map((each, index) => withoutZeroes(each, twins[index]));
  }
  if (typeof named !== 'object' || named === null) return named;
  const twin = numbered as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(named)
      .filter(([key]) => !isZero(twin[key]))
      .map(([key, value]) => [key, maps.has(key) ? value : withoutZeroes(value, twin[key])]),
  );
}

function isZero(value: unknown): boolean {
  if (Array.isArray(value) || Buffer.isBuffer(value)) return value.length === 0;
  return value === 0 || value === '' || value === false || value === undefined;
}
