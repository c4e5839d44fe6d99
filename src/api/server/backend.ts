import type { EnterVerb } from './attributes.ts';
import type { HealthCheck } from './health-checks.ts';
import type { Life, Stream, StreamRequest, Target } from '../http/stream-request.ts';

export interface Identity {
  readonly user: string;
  readonly groups: readonly string[];
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

/** What one node's kubelet API needs of the node. Everything that is refused is refused with HttpFault. */
export interface Backend {
  /** The owner of a bearer token, undefined if nobody knows it. */
  identify(token: string, options: Life): Promise<Identity | undefined>;
  readonly enterVerb: EnterVerb;
  isAllowed(who: Identity, verb: string, subresource: string, options: Life): Promise<boolean>;
  podList(): object;
  runningPods(): object;
  configz(): object;
  metrics(): Promise<{ text: string; contentType: string }>;
  /** The texts of /stats/summary and of what is below /metrics. */
  summary(query: URLSearchParams, options: Life): Promise<string>;
  resourceMetrics(options: Life): Promise<string>;
  cadvisorMetrics(options: Life): Promise<string>;
  proberMetrics(): Promise<string>;
  sliMetrics(): Promise<string>;
  healthChecks(): readonly HealthCheck[];
  /** Somebody was told of these. */
  observeHealth(checks: readonly HealthCheck[]): void;
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
