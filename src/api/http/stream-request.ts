/** What a request for a stream names, and who is to serve it. */
import type { Duplex } from 'node:stream';

/** Which streams a command or a container has. */
export interface StreamOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** The pod, and the container where the path names one, that a request is about. */
export interface Target {
  readonly namespace: string;
  readonly pod: string;
  /** where the path has this segment */
  readonly uid: string | undefined;
  readonly container: string | undefined;
}

export type StreamKind = 'exec' | 'attach' | 'portForward';

export interface StreamRequest {
  readonly kind: StreamKind;
  readonly target: Target;
  readonly query: URLSearchParams;
  /** words of the command to exec; bytes that are no text are kept (model/go-string.ts) */
  readonly command: readonly string[];
  /** a WebSocket handshake whose port-forward names its ports in the query */
  readonly isWebSocket: boolean;
}

export interface Life {
  readonly signal: AbortSignal;
}

/** A pod whose ports can be reached. */
export interface ForwardTarget {
  /** its name, for messages */
  readonly pod: string;
  /** A connection to a port. Rejects with the reason in words. */
  open(port: number, options: { signal: AbortSignal }): Promise<Duplex>;
}

/**
 * Who serves a stream: the runtime at this URL, or for port-forward farlet itself, with connections to the
 * pod.
 */
export type Stream =
  | {
      readonly by: 'runtime';
      readonly url: URL;
      readonly dial: (options: Life) => Promise<Duplex>;
      /** the streams that the runtime waits for; of port-forward none, whose client opens them */
      readonly options: StreamOptions;
    }
  | { readonly by: 'farlet'; readonly target: ForwardTarget };
