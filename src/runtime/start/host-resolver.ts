/**
 * The resolver settings of a host, as its file has them when pods start (pkg/kubelet/network/dns/dns.go
 * getDNSConfig).
 */
import { isDeepStrictEqual } from 'node:util';
import { orAbort, withDeadline } from '../../util/abort.ts';
import type { Clock } from '../../util/clock.ts';
import type { DnsSettings } from '../spec/dns.ts';

/**
 * A kubelet reads the file for each pod; pods that start within this time of a read share it, since hosts may
 * be far.
 */
const FRESH_MS = 10_000;
const READ_MS = 30_000;

export interface HostResolverOptions {
  readonly read: (options: { signal: AbortSignal }) => Promise<DnsSettings>;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** what was read is not what was read before */
  readonly onChange: (settings: DnsSettings) => void;
}

export class HostResolver {
  readonly #options: HostResolverOptions;
  #last: { readonly settings: DnsSettings; readonly at: number } | undefined;
  #reading: Promise<DnsSettings> | undefined;

  constructor(options: HostResolverOptions) {
    this.#options = options;
  }

  /**
   * Pods that ask at once share a read. Rejects as it does, or with the signal's reason; a failure holds for
   * no later pod.
   */
  async settings({ signal }: { signal: AbortSignal }): Promise<DnsSettings> {
    const { clock } = this.#options;
    if (this.#last !== undefined && clock.monotonic() - this.#last.at < FRESH_MS) return this.#last.settings;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return orAbort(this.#reading, signal);
  }

  /** Not for as long as the pod that asked first is wanted: others wait for it too. */
  async #read(): Promise<DnsSettings> {
    const { read, clock, onChange } = this.#options;
    const at = clock.monotonic();
    const settings = await withDeadline(undefined, READ_MS, "the host's resolver file", (signal) =>
      read({ signal }),
    );
    const isSame = isDeepStrictEqual(settings, this.#last?.settings);
    this.#last = { settings, at };
    if (!isSame) onChange(settings);
    return settings;
  }
}
