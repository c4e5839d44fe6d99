/** A whole list, page by page. */
import { KubeError } from '../model/errors.ts';
import type { KubeObject } from '../model/kube.ts';
import { unexpected } from './answers.ts';
import { TOO_LARGE } from './body.ts';
import type { KubeClient } from './client.ts';
import { matchesFields } from './field-selector.ts';

/** Objects requested per page; fewer if they are so large that a page would exceed the bound of an answer. */
const PAGE = 200;
const SMALLER = 8;
/** The most that is held of one list; a server whose list has no end is no API server. */
const MAX_ITEMS = 200_000;

interface Page<T> {
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items: readonly T[];
}

// T is what the path lists, as with KubeClient.get
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
export async function listAll<T extends KubeObject>(
  client: Pick<KubeClient, 'get'>,
  { path, fieldSelector, signal }: { path: string; fieldSelector: string | undefined; signal: AbortSignal },
): Promise<{ version: string; items: T[] }> {
  const items: T[] = [];
  let limit = PAGE;
  let next: string | undefined;
  for (;;) {
    let page: Page<T>;
    try {
      page = await client.get<Page<T>>(path, { signal, query: { limit, continue: next, fieldSelector } });
    } catch (error) {
      if (!(error instanceof KubeError) || error.reason !== TOO_LARGE || limit === 1) throw error;
      limit = Math.max(1, Math.floor(limit / SMALLER));
      continue;
    }
    const stranger = page.items.find((item) => !matchesFields(item, fieldSelector));
    if (stranger !== undefined)
      throw unexpected(
        `the list of ${path} has ${stranger.metadata?.name ?? ''}, which is not of ${fieldSelector ?? ''}`,
        200,
      );
    items.push(...page.items);
    const { resourceVersion, continue: more } = page.metadata;
    if (resourceVersion === undefined || resourceVersion === '')
      throw unexpected(`the list of ${path} has no resourceVersion`, 200);
    if (more === undefined || more === '') return { version: resourceVersion, items };
    if (more === next || page.items.length === 0 || items.length > MAX_ITEMS)
      throw unexpected(`the list of ${path} has no end`, 200);
    next = more;
  }
}
