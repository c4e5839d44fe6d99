/**
 * gRPC health probes (pkg/probe/grpc; grpc.health.v1), sent from the host so that pod addresses are routable.
 */
import { connect, type ClientHttp2Session } from 'node:http2';
import { TargetError, type Dial, type DialTarget } from '../../hosts/link/dial-target.ts';
import { hostPort } from '../../hosts/link/net-errors.ts';
import { goQuote } from '../../model/go-quote.ts';
import { messageOf } from '../../model/errors.ts';
import { orAbort } from '../../util/abort.ts';
import { backoffMs } from '../../util/backoff.ts';
import type { Clock } from '../../util/clock.ts';
import { callOnce } from './grpc-call.ts';
import { codeName, codes, frame, healthRequest, healthStatus, type GrpcStatus } from './grpc-message.ts';
import { USER_AGENT } from './http.ts';
import { goSeconds, type ProbeOutcome } from './probe.ts';

const CHECK = '/grpc.health.v1.Health/Check';
/** The kubelet's library adds itself, by the version in its go.mod. */
const GRPC_USER_AGENT = `${USER_AGENT} grpc-go/1.79.3`;
const SERVING = 1;
const servingStatus = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
/** With the no-break space that protobuf-go puts there in some builds, the kubelet's own among them. */
const UNPARSEABLE =
  'grpc: failed to unmarshal the received message: proto:\u00a0cannot parse invalid wire-format data';
/** Between two attempts to connect (google.golang.org/grpc/backoff DefaultConfig). */
const policy = { baseMs: 800, maxMs: 120_000, factor: 1.6, jitter: 0.5 };

export interface GrpcProbeTarget extends DialTarget {
  readonly service: string;
  readonly timeoutSeconds: number;
}

export interface GrpcProbeOptions {
  /** aborts when the time is over */
  readonly signal: AbortSignal;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
}

export async function probeGrpc(
  dial: Dial,
  target: GrpcProbeTarget,
  options: GrpcProbeOptions,
): Promise<ProbeOutcome> {
  const { signal, clock } = options;
  const authority = hostPort(target.host, target.port);
  const limit = goSeconds(target.timeoutSeconds);
  const end = clock.monotonic() + target.timeoutSeconds * 1000;
  let session: ClientHttp2Session;
  try {
    session = await connected(dial, target, options);
  } catch {
    return failure(
      `timeout: failed to connect service ${goQuote(authority)} within ${limit}: context deadline exceeded`,
    );
  }
  try {
    const limitMs = Math.max(0, end - clock.monotonic());
    const request = frame(healthRequest(target.service));
    const call = { path: CHECK, authority, userAgent: GRPC_USER_AGENT, request, limitMs };
    return judged(await callOnce(session, call, { signal }), limit);
  } catch (error) {
    if (signal.aborted) return failure(tooLate(limit));
    return failure(`error: health rpc probe failed: ${messageOf(error)}`);
  } finally {
    session.destroy();
  }
}

function judged(answer: { readonly message: Buffer } | GrpcStatus, limit: string): ProbeOutcome {
  const serving = 'code' in answer ? undefined : healthStatus(answer.message);
  if (serving === SERVING) return { kind: 'success' };
  if (serving !== undefined)
    return failure(
      `service unhealthy (responded with ${goQuote(servingStatus[serving] ?? String(serving))})`,
    );
  const { code, message }: GrpcStatus =
    'code' in answer
      ? answer
      : {
          code: codes.internal,
          message: UNPARSEABLE,
        };
  if (code === codes.deadlineExceeded) return failure(tooLate(limit));
  if (code === codes.unimplemented)
    return failure(
      `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${message}`,
    );
  return failure(`error: health rpc probe failed: rpc error: code = ${codeName(code)} desc = ${message}`);
}

function failure(output: string): ProbeOutcome {
  return { kind: 'failure', output };
}

function tooLate(limit: string): string {
  return `timeout: health rpc did not complete within ${limit}`;
}

/**
 * gRPC counts a connection as made once the server has sent its settings, and tries on until the time is
 * over. Rejects then, and at once where the way to the host is not there.
 */
async function connected(
  dial: Dial,
  target: DialTarget,
  { signal, clock }: GrpcProbeOptions,
): Promise<ClientHttp2Session> {
  for (let failures = 1; ; failures += 1) {
    const session = await connectOnce(dial, target, signal);
    if (session !== undefined) return session;
    await clock.sleep(backoffMs(policy, failures), { signal });
  }
}

/** Undefined: nobody is there who speaks HTTP/2. */
async function connectOnce(
  dial: Dial,
  target: DialTarget,
  signal: AbortSignal,
): Promise<ClientHttp2Session | undefined> {
  let session: ClientHttp2Session | undefined;
  try {
    const socket = await dial(target, { signal });
    session = connect(`http://${hostPort(target.host, target.port)}`, { createConnection: () => socket });
    await orAbort(settings(session), signal);
    return session;
  } catch (error) {
    session?.destroy();
    signal.throwIfAborted();
    if (session === undefined && !(error instanceof TargetError)) throw error;
    return undefined;
  }
}

function settings(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    session.on('error', reject);
    session.once('close', () => {
      reject(new Error('closed before the server has sent its settings'));
    });
    session.once('remoteSettings', () => {
      resolve();
    });
  });
}
