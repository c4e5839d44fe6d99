/** The kubelet API's routes as the router has them, and what right each is to ask for. */
import { kubeletRouter, type KubeletRouter, type Route } from '../api/server/kubelet-router.ts';

/** By the first segment of a path; any one is enough (KEP-2862). */
export const subresourcesOf = new Map<string, readonly string[]>([
  ['pods', ['pods', 'proxy']],
  ['runningpods', ['pods', 'proxy']],
  ['healthz', ['healthz', 'proxy']],
  ['configz', ['configz', 'proxy']],
  ['metrics', ['metrics']],
  ['stats', ['stats']],
  ['logs', ['log']],
  ['checkpoint', ['checkpoint']],
  ...['containerLogs', 'run', 'exec', 'attach', 'portForward', 'debug'].map(
    (root) => [root, ['proxy']] as const,
  ),
]);
const entering = new Set(['run', 'exec', 'attach', 'portForward']);
const verbs = new Map([
  ['POST', 'create'],
  ['GET', 'get'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
]);
const values: Readonly<Record<string, string>> = {
  ':namespace': 'ns',
  ':pod': 'p',
  ':uid': 'u',
  ':container': 'c',
  ':name': 'ping',
  '*': 'a/b',
};

/** What no route is for asks for nodes/proxy. */
export const nowhere = ['/', '/nope', '//metrics', '/spec/', '/debug/flags/v', '/x/../pods', '/Metrics'];

export interface RouteRight extends Route {
  /** of a pod that is nowhere */
  readonly path: string;
  readonly verb: string;
  readonly subresources: readonly string[];
}

/** Every route, and some that are none; with the router that has them. */
export async function routeRights(): Promise<{ router: KubeletRouter; routes: RouteRight[] }> {
  const routes = new Map<string, Route>();
  const router = await kubeletRouter({
    onRoute: (route) => routes.set(`${route.method} ${route.url}`, route),
  });
  for (const url of nowhere)
    for (const method of ['GET', 'POST']) routes.set(`${method} ${url}`, { method, url });
  return { router, routes: [...routes.values()].map(rightOf) };
}

export function rootOf(url: string): string {
  return url.split('/')[1] ?? '';
}

function rightOf({ method, url }: Route): RouteRight {
  const root = rootOf(url);
  return {
    method,
    url,
    path: url.replace(/:[a-z]+|\*/g, (name) => values[name] ?? name),
    verb: entering.has(root) ? 'create' : (verbs.get(method) ?? ''),
    subresources: subresourcesOf.get(root) ?? ['proxy'],
  };
}
