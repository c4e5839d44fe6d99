import type { HostConfig, NodeConfig } from '../config/schema.ts';

/**
 * What of a node's configuration may change while it runs: labels, taints, labels and drains of its hosts.
 * Whoever needs them asks each time.
 */
export class NodeSettings {
  #current: NodeConfig;

  constructor(node: NodeConfig) {
    this.#current = node;
  }

  get current(): NodeConfig {
    return this.#current;
  }

  configure(node: NodeConfig): void {
    this.#current = node;
  }

  host(name: string): HostConfig | undefined {
    return this.#current.hosts.find((host) => host.name === name);
  }
}
