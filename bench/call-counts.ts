/** Calls that farlet has made, by its own metrics. */
import { between } from './budget.ts';
import { samples } from './metrics-page.ts';

export interface CallCounts {
  /** kubelet_runtime_operations_total by operation_type */
  readonly cri: ReadonlyMap<string, number>;
  /** rest_client_requests_total by method */
  readonly api: ReadonlyMap<string, number>;
}

/** Reads farlet's metrics page. */
export async function scrape(url: string): Promise<CallCounts> {
  return parseCounts(await (await fetch(url)).text());
}

/** Pure. */
export function parseCounts(text: string): CallCounts {
  const lines = samples(text);
  const sums = (metric: string, label: string): Map<string, number> => {
    const found = new Map<string, number>();
    for (const { name, labels, value } of lines) {
      if (name !== metric) continue;
      const key = labels.get(label) ?? '';
      found.set(key, (found.get(key) ?? 0) + value);
    }
    return found;
  };
  return {
    cri: sums('kubelet_runtime_operations_total', 'operation_type'),
    api: sums('rest_client_requests_total', 'method'),
  };
}

/** What was called in between, per unit: the largest first, nothing that was not called. Pure. */
export function callsBetween(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  per: number,
): { readonly total: number; readonly each: Readonly<Record<string, number>> } {
  const grown = Object.entries(between(before, after, per)).sort(([, a], [, b]) => b - a);
  return { total: grown.reduce((sum, [, count]) => sum + count, 0), each: Object.fromEntries(grown) };
}
