/** The resolver settings of a host, as its file has them when pods start (pkg/kubelet/network/dns/dns.go getDNSConfig). */
import type { Clock } from '../util/clock.ts';
import type { DnsSettings } from './dns.ts';

/** A kubelet reads the file for each pod; pods that start within this time of a read share it, since hosts may be far. */
const FRESH_MS = 10_000;

export interface HostResolverOptions {
  readonly read: (options: { signal: AbortSignal }) => Promise<DnsSettings>;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** what was read is not what was read before */
  readonly onChange: (settings: DnsSettings) => void;
}

export class HostResolver {
  readonly #options: HostResolverOptions;
  #last: { readonly settings: DnsSettings; readonly text: string; readonly at: number } | undefined;

  constructor(options: HostResolverOptions) {
    this.#options = options;
  }

  /** Rejects as the read does; a failure, or a read that was called off, holds for no later pod. */
  async settings({ signal }: { signal: AbortSignal }): Promise<DnsSettings> {
    const { read, clock, onChange } = this.#options;
    const at = clock.monotonic();
    if (this.#last !== undefined && at - this.#last.at < FRESH_MS) return this.#last.settings;
    const settings = await read({ signal });
    const text = JSON.stringify(settings);
    const isSame = text === this.#last?.text;
    this.#last = { settings, text, at };
    if (!isSame) onChange(settings);
    return settings;
  }
}
