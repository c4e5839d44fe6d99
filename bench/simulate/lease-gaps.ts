/** How long nodes went without a heartbeat, as a watch of their leases shows it. */
import type { KubeConnection } from '../../src/kube/connect.ts';
import { paths } from '../../src/kube/paths.ts';
import { watchObjects } from '../../src/kube/watch.ts';
import { ignoredFaults } from '../../src/model/faults.ts';
import type { Lease } from '../../src/model/kube.ts';
import { silentLog } from '../../src/model/log.ts';
import { systemClock } from '../../src/util/clock.ts';

export interface Gap {
  readonly node: string;
  readonly seconds: number;
}

/** Pure but for what it remembers; times in ms, monotonic. */
export class LeaseGaps {
  readonly #renewed = new Map<string, { readonly mark: string; readonly times: number[] }>();

  /** `mark` differs with each renewal: a lease may change without one. */
  seen(node: string, mark: string, at: number): void {
    const held = this.#renewed.get(node);
    if (held?.mark === mark) return;
    this.#renewed.set(node, { mark, times: [...(held?.times ?? []), at] });
  }

  get nodes(): number {
    return this.#renewed.size;
  }

  /** The largest that ended after `from`, or has not ended by `until`. */
  largest({ from, until }: { from: number; until: number }): Gap {
    let largest: Gap = { node: '', seconds: 0 };
    for (const [node, { times }] of this.#renewed)
      [...times, until].forEach((end, at, all) => {
        const begin = all[at - 1];
        if (begin === undefined || end < from || end > until) return;
        if ((end - begin) / 1000 > largest.seconds) largest = { node, seconds: (end - begin) / 1000 };
      });
    return largest;
  }
}

/** Watches until the signal aborts. */
export function watchLeases(client: KubeConnection, { signal }: { signal: AbortSignal }): LeaseGaps {
  const gaps = new LeaseGaps();
  const take = ({ metadata, spec }: Lease): void => {
    if (metadata?.name !== undefined && spec?.renewTime !== undefined)
      gaps.seen(metadata.name, spec.renewTime, performance.now());
  };
  watchObjects<Lease & { metadata: { name: string } }>(
    {
      ...{ client, path: paths.leases, what: 'leases' },
      ...{ clock: systemClock, log: silentLog, faults: ignoredFaults },
      onEvent: (event) => {
        if (event.type === 'reset') event.items.forEach(take);
        else if (event.type === 'upsert') take(event.object);
      },
    },
    { signal },
  ).catch(() => undefined);
  return gaps;
}
