import type { Config, NodeConfig } from './config/schema.ts';
import type { KubeConnection } from './kube/connect.ts';
import type { Log } from './model/log.ts';
import type { NodeApp } from './node-app.ts';
import type { Clock } from './util/clock.ts';

export interface KubeletApiOptions {
  readonly app: NodeApp;
  readonly node: NodeConfig;
  readonly config: Config;
  readonly kube: KubeConnection;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export function listenKubeletApi(_options: KubeletApiOptions): Promise<{ close(): Promise<void> }> {
  return Promise.resolve({ close: () => Promise.resolve() });
}
