/** One request and its answer: credentials, connection, and whether it is an answer at all. */
import type { Dispatcher } from 'undici';
import { KubeError } from '../model/errors.ts';
import { answerForm } from './answer-form.ts';
import { decodeAnswer } from './answers.ts';
import { beginningOf, wholeBody } from './body.ts';
import type { RequestOptions } from './client.ts';
import { Credentials, type CredentialsOptions } from './credentials.ts';
import type { ConnectionKind } from './dispatchers.ts';
import { statusError, unreachable } from './errors.ts';

export interface TransportRequest {
  readonly kind: ConnectionKind;
  readonly method: Dispatcher.HttpMethod;
  readonly path: string;
  readonly query: RequestOptions['query'];
  readonly content?: { readonly type: string; readonly body: object } | undefined;
  readonly signal: AbortSignal;
}

export type Answer = Dispatcher.ResponseData;

export class Transport {
  readonly server: string;
  readonly #credentials: Credentials;
  readonly #userAgent: string;

  constructor(options: CredentialsOptions & { readonly userAgent: string }) {
    this.#userAgent = options.userAgent;
    this.#credentials = new Credentials(options);
    this.server = this.#credentials.server;
  }

  /** PEM of the certificate that the API server was last shown */
  get certificate(): string | Buffer | undefined {
    return this.#credentials.current?.certificate;
  }

  /** Whatever was answered. @throws KubeError `unavailable` if nothing was */
  async send(request: TransportRequest): Promise<Answer> {
    const { kind, method, path, query = {}, content, signal } = request;
    const url = new URL(this.server + path);
    for (const [key, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(key, String(value));
    try {
      const access = await this.#credentials.get({ signal });
      return await access.dispatchers[kind].request({
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        signal,
        headersTimeout: 0,
        bodyTimeout: 0,
        headers: {
          ...access.headers,
          accept: 'application/json',
          'user-agent': this.#userAgent,
          ...(content === undefined ? {} : { 'content-type': content.type }),
        },
        ...(content === undefined ? {} : { body: JSON.stringify(content.body) }),
      });
    } catch (error) {
      signal.throwIfAborted();
      throw unreachable(this.server, error);
    }
  }

  /** All of an answer. A body that breaks off is no answer, whatever its headers said. */
  async whole({ method, path, signal }: TransportRequest, answer: Answer): Promise<string> {
    try {
      return await wholeBody(answer.body, `${method} ${path} at ${this.server}`);
    } catch (error) {
      signal.throwIfAborted();
      throw unreachable(this.server, error);
    }
  }

  /** What the answer to a request says. */
  decode({ method, path }: TransportRequest, { status, text }: { status: number; text: string }): unknown {
    try {
      return decodeAnswer(answerForm(method, path), text, status);
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      const { kind, reason, cause, message } = error;
      throw new KubeError(
        kind,
        `${method} ${path} at ${this.server}: ${message}`,
        { status, reason },
        { cause },
      );
    }
  }

  /** The error that an answer is which does not give what was asked for. */
  async refusal(answer: Answer): Promise<KubeError> {
    if (answer.statusCode === 401) this.#credentials.refused();
    const text = await beginningOf(answer.body).catch(() => '');
    return statusError(answer.statusCode, text, answer.headers);
  }

  async close(): Promise<void> {
    await this.#credentials.close();
  }
}
