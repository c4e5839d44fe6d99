/** What is to be done about the helpers that a host has. Pure. */
import { helperLabels } from '../../model/labels.ts';

export interface SeenSandbox {
  readonly id: string;
  readonly ready: boolean;
  readonly attempt: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface SeenContainer {
  readonly id: string;
  readonly sandbox: string;
  readonly running: boolean;
}

export type HelperPlan =
  /** one is as it should be; sandboxes to remove are those beside it */
  | { readonly do: 'use'; readonly container: string; readonly remove: readonly string[] }
  | { readonly do: 'make'; readonly attempt: number; readonly remove: readonly string[] };

export function planHelper(
  seen: { sandboxes: readonly SeenSandbox[]; containers: readonly SeenContainer[] },
  spec: string,
): HelperPlan {
  const newestFirst = [...seen.sandboxes].sort((a, b) => b.attempt - a.attempt);
  for (const sandbox of newestFirst) {
    if (!sandbox.ready || sandbox.labels[helperLabels.spec] !== spec) continue;
    const container = seen.containers.find((each) => each.sandbox === sandbox.id && each.running);
    if (container === undefined) continue;
    const remove = newestFirst.filter((each) => each !== sandbox).map(({ id }) => id);
    return { do: 'use', container: container.id, remove };
  }
  return {
    do: 'make',
    attempt: (newestFirst[0]?.attempt ?? -1) + 1,
    remove: newestFirst.map(({ id }) => id),
  };
}
