import { messageOf } from '../../model/errors.ts';

/** An answer that is an error: code and text as the kubelet gives them. */
export class HttpFault extends Error {
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;
  /** what is sent: the message, or bytes that need not be text */
  readonly body: string | Buffer;
  constructor(code: number, message: string | Buffer, headers: Readonly<Record<string, string>> = {}) {
    super(message.toString());
    this.name = 'HttpFault';
    this.code = code;
    this.headers = headers;
    this.body = message;
  }
}

/** Any thrown value as an answer: what is no answer is the server's fault. */
export function faultOf(error: unknown): HttpFault {
  if (error instanceof HttpFault) return error;
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  return new HttpFault(status >= 400 && status < 600 ? status : 500, messageOf(error));
}
