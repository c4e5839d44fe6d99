import type { Duplex } from 'node:stream';
import type { HealthCheck } from './health-checks.ts';
import type { ForwardTarget } from './port-forward/forwarded-port.ts';
import type { StreamOptions } from './stream-options.ts';

export interface Identity {
  readonly user: string;
  readonly groups: readonly string[];
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

/** A file or folder of the host's /var/log. */
export type HostLog =
  | { readonly type: 'folder'; readonly entries: readonly { name: string; isFolder: boolean }[] }
  | {
      readonly type: 'file';
      readonly size: number;
      readonly modified: number;
      /** holds the file until it has been iterated, be it not to its end */
      readonly content: AsyncIterable<Buffer>;
    };

interface Life {
  readonly signal: AbortSignal;
}

/** Who serves a stream: the runtime at this URL, or for port-forward farlet itself, with connections to the pod. */
export type Stream =
  | {
      readonly by: 'runtime';
      readonly url: URL;
      readonly dial: (options: Life) => Promise<Duplex>;
      /** the streams that the runtime waits for; of port-forward none, whose client opens them */
      readonly options: StreamOptions;
    }
  | { readonly by: 'farlet'; readonly target: ForwardTarget };

/** What one node's kubelet API needs of the node. Everything that is refused is refused with HttpFault. */
export interface Backend {
  /** The owner of a bearer token, undefined if nobody knows it. */
  identify(token: string, options: Life): Promise<Identity | undefined>;
  isAllowed(who: Identity, verb: string, subresource: string, options: Life): Promise<boolean>;
  podList(): object;
  runningPods(): object;
  configz(): object;
  metrics(): Promise<{ text: string; contentType: string }>;
  healthChecks(): readonly HealthCheck[];
  /** Throws for pods and containers that have none; what goes wrong later is the iterable's. */
  logs(target: Target, query: URLSearchParams, options: Life): AsyncIterable<Buffer>;
  /** Combined output of the command, whose words are as in StreamRequest. */
  run(target: Target, command: readonly string[], options: Life): Promise<Buffer>;
  /** Path of the archive on the host. */
  checkpoint(target: Target, query: URLSearchParams, options: Life): Promise<string>;
  /** `path` is relative to /var/log, without dot segments; undefined where nothing is. */
  hostLog(path: string, options: Life): Promise<HostLog | undefined>;
  stream(request: StreamRequest, options: Life): Promise<Stream>;
}
