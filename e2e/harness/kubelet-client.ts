/** Plain requests to a node's kubelet API, with a client certificate, a token or nothing. */
import { readFileSync } from 'node:fs';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { KeyPair } from './pki.ts';

export interface KubeletAnswer {
  readonly code: number;
  /** empty if there is none */
  readonly type: string;
  readonly body: string;
}

export interface KubeletQuestion {
  /** of the node's API, as Farlet.kubeletUrl gives it */
  readonly url: string;
  /** with its query; sent as it is */
  readonly path: string;
  readonly method?: string;
  readonly as?: KeyPair | { readonly token: string };
  readonly headers?: Readonly<Record<string, string>>;
}

const ANSWER_MS = 20_000;

/** An answer that switches protocols has no body. */
export function askKubelet(question: KubeletQuestion): Promise<KubeletAnswer> {
  return new Promise((resolve, reject) => {
    const sent = send(question, { signal: AbortSignal.timeout(ANSWER_MS) });
    sent.once('error', reject);
    sent.once('upgrade', (answer, socket) => {
      socket.destroy();
      resolve({ code: answer.statusCode ?? 0, type: '', body: '' });
    });
    sent.once('response', (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      answer.once('error', reject);
      answer.once('end', () => {
        resolve({ code: answer.statusCode ?? 0, type: answer.headers['content-type'] ?? '', body });
      });
    });
  });
}

/** An answer of which nothing is read yet; whoever asked for it destroys it. */
export function openKubelet(question: KubeletQuestion): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = send(question, {});
    sent.once('response', (answer) => {
      answer.on('error', () => undefined);
      resolve(answer);
    });
    sent.on('error', reject);
  });
}

function send(
  { url, path, method = 'GET', as, headers = {} }: KubeletQuestion,
  more: { readonly signal?: AbortSignal },
): ClientRequest {
  const { hostname, port } = new URL(url);
  const pair =
    as !== undefined && 'cert' in as ? { cert: readFileSync(as.cert), key: readFileSync(as.key) } : {};
  const token = as !== undefined && 'token' in as ? { authorization: `Bearer ${as.token}` } : {};
  const sent = request({
    hostname,
    port,
    path,
    method,
    headers: { ...headers, ...token },
    rejectUnauthorized: false,
    agent: false,
    ...more,
    ...pair,
  });
  sent.end();
  return sent;
}
