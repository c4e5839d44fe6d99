/**
 * Commands in containers through the API server, over the WebSocket protocol v5.channel.k8s.io, without a
 * kubectl for each: many at once, and clients that read nothing or go without a word.
 */
import { readFileSync } from 'node:fs';
import { WebSocket } from 'ws';

/** What a command came to; `code` is undefined where the stream ended without a status. */
export interface Ended {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly code: number | undefined;
}

export interface ExecClient {
  /** Resolves when the first bytes have come: the command is under way. */
  readonly opened: Promise<void>;
  readonly ended: Promise<Ended>;
  write(bytes: Buffer): void;
  endInput(): void;
  /** bytes that the API server has not taken yet */
  unsent(): number;
  /** reads nothing any more */
  pause(): void;
  /** ends the connection without a word */
  go(): void;
}

export interface ExecQuestion {
  /** of the API server */
  readonly server: string;
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly pod: string;
  readonly command: readonly string[];
  readonly stdin?: boolean;
}

interface Status {
  readonly status: string;
  readonly details?: { readonly causes?: readonly { readonly reason: string; readonly message: string }[] };
}

const PROTOCOL = 'v5.channel.k8s.io';
const [STDIN, STDOUT, STDERR, ERROR, CLOSE] = [0, 1, 2, 3, 255];

export function startExec(question: ExecQuestion): ExecClient {
  const { server, kubeconfig, namespace, pod, command, stdin = false } = question;
  const { users } = JSON.parse(readFileSync(kubeconfig, 'utf8')) as {
    users: [{ user: { 'client-certificate': string; 'client-key': string } }];
  };
  const [{ user }] = users;
  const url = new URL(`/api/v1/namespaces/${namespace}/pods/${pod}/exec`, server.replace(/^http/, 'ws'));
  for (const word of command) url.searchParams.append('command', word);
  for (const stream of ['stdout', 'stderr', ...(stdin ? ['stdin'] : [])])
    url.searchParams.set(stream, 'true');
  const socket = new WebSocket(url, PROTOCOL, {
    cert: readFileSync(user['client-certificate']),
    key: readFileSync(user['client-key']),
    rejectUnauthorized: false,
    perMessageDeflate: false,
  });
  const opened = Promise.withResolvers<undefined>();
  const ended = Promise.withResolvers<Ended>();
  const pieces = new Map<number, Buffer[]>([STDOUT, STDERR, ERROR].map((channel) => [channel, []]));
  const of = (channel: number): Buffer => Buffer.concat(pieces.get(channel) ?? []);
  socket.on('message', (message: Buffer) => {
    opened.resolve(undefined);
    pieces.get(message[0] ?? -1)?.push(message.subarray(1));
  });
  const fail = (error: Error): void => {
    opened.reject(error);
    ended.reject(error);
  };
  socket.on('error', fail).once('close', () => {
    opened.reject(new Error('it ended before it began'));
    ended.resolve({ stdout: of(STDOUT), stderr: of(STDERR), code: codeOf(of(ERROR)) });
  });
  for (const { promise } of [opened, ended]) promise.catch(() => undefined);
  return {
    opened: opened.promise,
    ended: ended.promise,
    write: (bytes) => {
      socket.send(Buffer.concat([Buffer.of(STDIN), bytes]));
    },
    endInput: () => {
      socket.send(Buffer.of(CLOSE, STDIN));
    },
    unsent: () => socket.bufferedAmount,
    pause: () => {
      socket.pause();
    },
    go: () => {
      socket.terminate();
    },
  };
}

function codeOf(status: Buffer): number | undefined {
  if (status.length === 0) return undefined;
  const { status: verdict, details } = JSON.parse(status.toString()) as Status;
  if (verdict === 'Success') return 0;
  const told = details?.causes?.find(({ reason }) => reason === 'ExitCode');
  return told === undefined ? undefined : Number(told.message);
}
