/** An answer that is an error: code and text as the kubelet gives them. */
export class HttpFault extends Error {
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;
  constructor(code: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = 'HttpFault';
    this.code = code;
    this.headers = headers;
  }
}
