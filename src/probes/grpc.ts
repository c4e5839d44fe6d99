/**
 * gRPC health probes (pkg/probe/grpc; grpc.health.v1). One unary call with two one-field messages over plain
 * HTTP/2 needs no gRPC library: the request is a string field 1, the answer an enum field 1.
 */
import { connect, constants, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import type { DialTarget } from '../hosts/link.ts';
import { messageOf } from '../model/errors.ts';
import { hostPort } from '../hosts/net-errors.ts';
import { goSeconds, type ProbeOutcome } from './probe.ts';
import { USER_AGENT } from './http.ts';
import type { Dial } from './tcp.ts';

const servingStatus: Record<number, string> = {
  0: 'UNKNOWN',
  1: 'SERVING',
  2: 'NOT_SERVING',
  3: 'SERVICE_UNKNOWN',
};
/** google.golang.org/grpc/codes, as its errors print them. */
const codeNames =
  'OK Canceled Unknown InvalidArgument DeadlineExceeded NotFound AlreadyExists PermissionDenied ResourceExhausted FailedPrecondition Aborted OutOfRange Unimplemented Internal Unavailable DataLoss Unauthenticated'.split(
    ' ',
  );
const SERVING = 1;
const DEADLINE_EXCEEDED = 4;
const UNIMPLEMENTED = 12;
const MAX_ANSWER_BYTES = 4096;

export interface GrpcProbeTarget extends DialTarget {
  readonly service: string;
  readonly timeoutSeconds: number;
}

export async function probeGrpc(
  dial: Dial,
  target: GrpcProbeTarget,
  { signal }: { signal: AbortSignal },
): Promise<ProbeOutcome> {
  const address = hostPort(target.host, target.port);
  const limit = goSeconds(target.timeoutSeconds);
  // gRPC counts a connection as made once the server has sent its settings, and tries on until the time is over
  const notConnected = `timeout: failed to connect service "${address}" within ${limit}: context deadline exceeded`;
  const tooLate = `timeout: health rpc did not complete within ${limit}`;
  let session: ClientHttp2Session;
  const seen = { settings: false };
  try {
    const socket = await dial(target, { signal });
    session = connect(`http://${address}`, { createConnection: () => socket });
    session.once('remoteSettings', () => (seen.settings = true));
  } catch {
    return failure(notConnected);
  }
  try {
    const { status, message, body } = await check(session, target.service, signal);
    if (status === DEADLINE_EXCEEDED) return failure(tooLate);
    if (status === UNIMPLEMENTED) {
      return failure(
        `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${message}`,
      );
    }
    if (status !== 0)
      return failure(
        `error: health rpc probe failed: rpc error: code = ${codeNames[status] ?? String(status)} desc = ${message}`,
      );
    const serving = healthStatus(body);
    if (serving === SERVING) return { kind: 'success' };
    return failure(`service unhealthy (responded with "${servingStatus[serving] ?? String(serving)}")`);
  } catch (error) {
    if (!seen.settings) return failure(notConnected);
    return failure(signal.aborted ? tooLate : `error: health rpc probe failed: ${messageOf(error)}`);
  } finally {
    session.destroy();
  }
}

function failure(output: string): ProbeOutcome {
  return { kind: 'failure', output };
}

interface Answer {
  readonly status: number;
  readonly message: string;
  readonly body: Buffer;
}

function check(session: ClientHttp2Session, service: string, signal: AbortSignal): Promise<Answer> {
  return new Promise<Answer>((resolve, reject) => {
    session.once('error', reject);
    const stream = session.request(
      {
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_PATH]: '/grpc.health.v1.Health/Check',
        [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
        [constants.HTTP2_HEADER_USER_AGENT]: USER_AGENT,
        te: 'trailers',
      },
      { signal },
    );
    let head: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    let body: Buffer = Buffer.alloc(0);
    stream.on('response', (headers: IncomingHttpHeaders) => (head = headers));
    stream.on('trailers', (headers: IncomingHttpHeaders) => (trailers = headers));
    stream.on('data', (chunk: Buffer) => {
      body = Buffer.concat([body, chunk]);
      if (body.length > MAX_ANSWER_BYTES)
        stream.destroy(new Error('the answer is too long for a health check'));
    });
    stream.once('error', reject);
    stream.once('close', () => {
      const all = { ...head, ...trailers };
      if (all['grpc-status'] === undefined)
        reject(new Error(`no gRPC status in the answer (HTTP status ${String(head[':status'] ?? 'none')})`));
      else
        resolve({
          status: Number(all['grpc-status']),
          message: decodeURIComponent(String(all['grpc-message'] ?? '')),
          body,
        });
    });
    stream.end(frame(healthRequest(service)));
  });
}

/** A gRPC message frame: not compressed, big-endian length. */
export function frame(message: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

/** HealthCheckRequest{service = 1}. Names are short: the length fits one varint of up to two bytes. */
export function healthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  if (name.length === 0) return name;
  const length = name.length < 128 ? [name.length] : [(name.length & 0x7f) | 0x80, name.length >> 7];
  return Buffer.concat([Buffer.from([0x0a, ...length]), name]);
}

/** HealthCheckResponse{status = 1} out of its frame; an empty message is UNKNOWN. */
export function healthStatus(framed: Buffer): number {
  return framed.length >= 7 && framed[5] === 0x08 ? (framed[6] ?? 0) : 0;
}
