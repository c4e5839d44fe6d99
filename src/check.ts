/** `farlet check`: looks at everything a run needs, touches nothing, and says what to do about what is wrong. */
import { accessSync, constants } from 'node:fs';
import { readCgroupLayout } from './cgroups/cgroup-layout.ts';
import { nodeCgroup, type CgroupDriver } from './cgroups/cgroup-name.ts';
import { createCgroup, removeCgroup } from './cgroups/cgroup-ops.ts';
import { runtimeCgroupDriver } from './cgroups/runtime-driver.ts';
import type { Config } from './config/schema.ts';
import type { CriClient } from './cri/calls.ts';
import { connectCri } from './cri/connect.ts';
import type { HostFiles, HostLink } from './hosts/link.ts';
import { openLink, type HostAddress } from './hosts/open-link.ts';
import { mayI } from './kube/access-reviews.ts';
import { connectKube, isClusterConfigured } from './kube/connect.ts';
import { kindOf, messageOf } from './model/errors.ts';
import type { Log } from './model/log.ts';
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
/** the first answer of a far host includes logging in */
const HOST_MS = 20_000;

/** Prints a table; 0 if every row is well, else 1. */
export async function runCheck({ config, kubeconfig, version, print }: CheckOptions): Promise<number> {
  const rows: Row[] = [{ what: 'configuration', ok: true, found: `${String(config.nodes.length)} node(s)` }];
  for (const { name, hosts, rootDir, cgroupRoot, staticPodPath } of config.nodes) {
    if (staticPodPath !== undefined)
      rows.push(
        await attempt(`${name} static pods`, () => {
          accessSync(staticPodPath, constants.R_OK);
          return `${staticPodPath} is readable`;
        }),
      );
    for (const host of hosts)
      rows.push(
        ...(await checkHost({
          node: name,
          rootDir,
          ...host,
          cgroupDriver: config.cgroupDriver,
          cgroups: config.cgroupsPerQOS
            ? { root: cgroupRoot ?? config.cgroupRoot, driver: config.cgroupDriver }
            : undefined,
        })),
      );
  }
  if (isClusterConfigured(kubeconfig)) rows.push(...(await checkCluster(kubeconfig, { version, config })));
  else {
    const problem = standaloneProblem(config);
    const found = problem ?? 'none is configured: static pods only';
    rows.push({ what: 'API server', ok: problem === undefined, found });
  }
  const width = Math.max(...rows.map(({ what }) => what.length));
  for (const { what, ok, found } of rows) print(`${ok ? 'ok  ' : 'FAIL'}  ${what.padEnd(width)}  ${found}\n`);
  return rows.every(({ ok }) => ok) ? 0 : 1;
}

async function checkHost(
  host: HostAddress & {
    node: string;
    rootDir: string;
    cgroupDriver: CgroupDriver;
    cgroups: { root: string; driver: CgroupDriver } | undefined;
  },
): Promise<Row[]> {
  const { node, name, endpoint, rootDir, cgroups, cgroupDriver } = host;
  const owner = { node, cluster: 'farlet-check' };
  const link = openLink(host, { clock: systemClock, log: silent, owner, cgroupDriver, temporary: true });
  const cri = connectCri({ endpoint: link.cri(), host: name });
  const signal = AbortSignal.timeout(2 * HOST_MS);
  const prefix = `${node}/${name}`;
  try {
    const started = systemClock.monotonic();
    const { runtime_name: runtime, runtime_version: found } = await cri.version({}, { timeoutMs: HOST_MS });
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
      ...(cgroups === undefined
        ? []
        : [
            await attempt(`${prefix} cgroups`, () =>
              checkCgroups({ cri, files: link.files, ...cgroups }, signal),
            ),
          ]),
      await checkDial(link, prefix, signal),
    ];
  } catch (error) {
    return [
      {
        what: `${prefix} runtime`,
        ok: false,
        found: `${endpoint}: ${link.fault?.() ?? `${messageOf(error)}; is the runtime running, and may farlet open its socket?`}`,
      },
    ];
  } finally {
    cri.close();
    await link.close();
  }
}

/** Makes a cgroup as for a pod, and takes it away. */
async function checkCgroups(
  of: { cri: CriClient; files: HostFiles; root: string; driver: CgroupDriver },
  signal: AbortSignal,
): Promise<string> {
  const { cri, files, root } = of;
  const [layout, driver] = await Promise.all([
    readCgroupLayout(files, { signal }),
    runtimeCgroupDriver(cri, of.driver, { signal }),
  ]);
  const place = { layout, driver, hugePageSizes: [] };
  const name = [...nodeCgroup(root), 'check'];
  try {
    await files.apply(createCgroup(name, { cpuShares: 2 }, place), { signal });
    await files.apply(removeCgroup(name, place), { signal });
  } catch (error) {
    throw new Error(`${messageOf(error)}; let farlet write /sys/fs/cgroup, or set cgroupsPerQOS: false`, {
      cause: error,
    });
  }
  return `v${String(layout.version)}, driver ${driver}`;
}

/** The table tells what there is to tell. */
const silent: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

/** A port that nobody listens on shows as well as any that the host can be dialed from. */
async function checkDial(link: HostLink, prefix: string, signal: AbortSignal): Promise<Row> {
  const what = `${prefix} dial`;
  try {
    (await link.dial({ host: '127.0.0.1', port: 1 }, { signal })).destroy();
  } catch (error) {
    const refused = kindOf(error) === 'unavailable' && /refused/i.test(messageOf(error));
    if (!refused) return { what, ok: false, found: messageOf(error) };
  }
  return { what, ok: true, found: 'connections can be made from the host' };
}

const permissions = [
  { verb: 'get', resource: 'namespaces' },
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
  { verb: 'get', resource: 'persistentvolumeclaims' },
  { verb: 'get', resource: 'persistentvolumes' },
  { verb: 'create', resource: 'events' },
  { verb: 'create', resource: 'serviceaccounts', subresource: 'token' },
  { verb: 'update', resource: 'leases', group: 'coordination.k8s.io', namespace: 'kube-node-lease' },
  { verb: 'watch', resource: 'runtimeclasses', group: 'node.k8s.io' },
  { verb: 'create', resource: 'tokenreviews', group: 'authentication.k8s.io' },
  { verb: 'create', resource: 'subjectaccessreviews', group: 'authorization.k8s.io' },
];

/** What nodes of several hosts need beside: to store where a pod is, to see which hosts are to be drained, to drain them. */
const poolPermissions = [
  { verb: 'get', resource: 'pods' },
  { verb: 'patch', resource: 'pods' },
  { verb: 'create', resource: 'pods', subresource: 'eviction' },
  { verb: 'watch', resource: 'nodes' },
];

async function checkCluster(
  kubeconfig: string | undefined,
  { version, config }: Pick<CheckOptions, 'version' | 'config'>,
): Promise<Row[]> {
  const hasPool = config.nodes.some(({ hosts }) => hosts.length > 1);
  const signal = AbortSignal.timeout(4 * ANSWER_MS);
  const kube = connectKube({
    userAgent: `farlet/${version}`,
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
  });
  const reached = await attempt('API server', async () => {
    // every account that is one may ask this, so that what it may not do is told row by row
    const { gitVersion = '' } = await kube.get<{ gitVersion?: string }>('/version', {
      signal,
      timeoutMs: ANSWER_MS,
    });
    return `${kube.server}, Kubernetes ${gitVersion}`;
  });
  if (!reached.ok) {
    await kube.close();
    return [reached];
  }
  const rows = await Promise.all(
    [...permissions, ...(hasPool ? poolPermissions : [])].map(({ verb, resource, ...rest }) =>
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
