/** `farlet check`: looks at everything a run needs, touches nothing, and says what to do about what is wrong. */
import { accessSync, constants } from 'node:fs';
import type { Config } from './config/schema.ts';
import { connectCri } from './cri/connect.ts';
import { unixLink } from './hosts/unix-link.ts';
import { mayI } from './kube/access-reviews.ts';
import { connectKube, isClusterConfigured } from './kube/connect.ts';
import { paths } from './kube/paths.ts';
import { messageOf } from './model/errors.ts';
import { standaloneProblem } from './standalone.ts';
import { systemClock } from './util/clock.ts';

export interface CheckOptions {
  readonly config: Config;
  readonly kubeconfig: string | undefined;
  readonly version: string;
  readonly print: (text: string) => void;
}

interface Row {
  readonly what: string;
  readonly ok: boolean;
  readonly found: string;
}

const ANSWER_MS = 5_000;

/** Prints a table; 0 if every row is well, else 1. */
export async function runCheck({ config, kubeconfig, version, print }: CheckOptions): Promise<number> {
  const rows: Row[] = [{ what: 'configuration', ok: true, found: `${String(config.nodes.length)} node(s)` }];
  for (const { name, hosts, rootDir, staticPodPath } of config.nodes) {
    if (staticPodPath !== undefined)
      rows.push(
        await attempt(`${name} static pods`, () => {
          accessSync(staticPodPath, constants.R_OK);
          return `${staticPodPath} is readable`;
        }),
      );
    for (const host of hosts) rows.push(...(await checkHost({ node: name, rootDir, ...host })));
  }
  if (isClusterConfigured(kubeconfig)) rows.push(...(await checkCluster(kubeconfig, version)));
  else {
    const problem = standaloneProblem(config);
    const found = problem ?? 'none is configured: static pods only';
    rows.push({ what: 'API server', ok: problem === undefined, found });
  }
  const width = Math.max(...rows.map(({ what }) => what.length));
  for (const { what, ok, found } of rows) print(`${ok ? 'ok  ' : 'FAIL'}  ${what.padEnd(width)}  ${found}\n`);
  return rows.every(({ ok }) => ok) ? 0 : 1;
}

async function checkHost(host: {
  node: string;
  name: string;
  endpoint: string;
  rootDir: string;
}): Promise<Row[]> {
  const { node, name, endpoint, rootDir } = host;
  const link = unixLink(host);
  const cri = connectCri({ endpoint: link.cri(), host: name });
  const signal = AbortSignal.timeout(2 * ANSWER_MS);
  const prefix = `${node}/${name}`;
  try {
    const started = systemClock.monotonic();
    const { runtime_name: runtime, runtime_version: found } = await cri.version({}, { timeoutMs: ANSWER_MS });
    const ms = Math.round(systemClock.monotonic() - started);
    const status = await cri.status({}, { timeoutMs: ANSWER_MS });
    const conditions = (status.status?.conditions ?? [])
      .filter(({ type }) => type === 'RuntimeReady' || type === 'NetworkReady')
      .map(({ type, status: good, message }): Row => ({
        what: `${prefix} ${type}`,
        ok: good,
        found: good ? 'true' : message,
      }));
    const probe = `${rootDir}/.check`;
    const files = await attempt(`${prefix} files`, async () => {
      await link.files.apply(
        [
          { op: 'mkdir', path: probe, mode: 0o700 },
          { op: 'remove', path: probe },
        ],
        { signal },
      );
      return `${rootDir} is writable`;
    });
    return [
      { what: `${prefix} runtime`, ok: true, found: `${runtime} ${found}, ${String(ms)} ms` },
      ...conditions,
      files,
    ];
  } catch (error) {
    return [
      {
        what: `${prefix} runtime`,
        ok: false,
        found: `${endpoint}: ${messageOf(error)}; is the runtime running, and may farlet open its socket?`,
      },
    ];
  } finally {
    cri.close();
    await link.close();
  }
}

const permissions = [
  { verb: 'create', resource: 'nodes' },
  { verb: 'patch', resource: 'nodes', subresource: 'status' },
  { verb: 'watch', resource: 'pods' },
  // mirrors of static pods
  { verb: 'create', resource: 'pods' },
  { verb: 'patch', resource: 'pods', subresource: 'status' },
  { verb: 'delete', resource: 'pods' },
  { verb: 'watch', resource: 'services' },
  { verb: 'watch', resource: 'configmaps' },
  { verb: 'watch', resource: 'secrets' },
  { verb: 'create', resource: 'events' },
  { verb: 'create', resource: 'serviceaccounts', subresource: 'token' },
  { verb: 'update', resource: 'leases', group: 'coordination.k8s.io', namespace: 'kube-node-lease' },
  { verb: 'watch', resource: 'runtimeclasses', group: 'node.k8s.io' },
  { verb: 'create', resource: 'tokenreviews', group: 'authentication.k8s.io' },
  { verb: 'create', resource: 'subjectaccessreviews', group: 'authorization.k8s.io' },
];

async function checkCluster(kubeconfig: string | undefined, version: string): Promise<Row[]> {
  const signal = AbortSignal.timeout(4 * ANSWER_MS);
  const kube = connectKube({
    userAgent: `farlet/${version}`,
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
  });
  const reached = await attempt('API server', async () => {
    await kube.get(paths.namespace('kube-system'), { signal, timeoutMs: ANSWER_MS });
    return kube.server;
  });
  if (!reached.ok) return [reached];
  const rows = await Promise.all(
    permissions.map(({ verb, resource, ...rest }) =>
      attempt(
        `may ${verb} ${resource}${rest.subresource === undefined ? '' : `/${rest.subresource}`}`,
        async () => {
          if (!(await mayI(kube, { verb, resource, ...rest }, { signal })))
            throw new Error('not allowed: grant it in the ClusterRole of farlet');
          return 'yes';
        },
      ),
    ),
  );
  await kube.close();
  return [reached, ...rows];
}

async function attempt(what: string, work: () => Promise<string> | string): Promise<Row> {
  try {
    return { what, ok: true, found: await work() };
  } catch (error) {
    return { what, ok: false, found: messageOf(error) };
  }
}
