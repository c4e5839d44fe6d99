/**
 * `farlet check`: looks at everything a run needs, leaves nothing behind, and says what to do about what is
 * wrong.
 */
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { checkHost, type CheckedHost } from './check-host.ts';
import { rightsFor, type Right } from './rights.ts';
import { rowsAsJson, table, type Row } from './table.ts';
import {
  apiVerdict,
  clientCaVerdict,
  keyModeVerdict,
  kubeletApiVerdict,
  nodeAccountVerdict,
} from './verdicts.ts';
import type { Config } from '../config/schema.ts';
import { mayI, whoAmI } from '../../kube/access-reviews.ts';
import { connectKube, type KubeConnection } from '../../kube/connect.ts';
import { isClusterConfigured } from '../../kube/kubeconfig.ts';
import { messageOf } from '../../model/errors.ts';
import { clientCaProblem } from '../../api/server/client-ca.ts';
import { standaloneProblem } from '../standalone.ts';
import { limitSignal } from '../../util/abort.ts';
import { systemClock } from '../../util/clock.ts';

export interface CheckOptions {
  readonly config: Config;
  readonly kubeconfig: string | undefined;
  readonly version: string;
  /** the configuration file alone */
  readonly offline: boolean;
  readonly output: 'table' | 'json';
  readonly print: (text: string) => void;
}

const ANSWER_MS = 5_000;
/** Hosts that are looked at beside each other. */
const AT_ONCE = 16;

/** Prints what was found; 0 if no row has failed, else 1. */
export async function runCheck(options: CheckOptions): Promise<number> {
  const { config, offline, output, print } = options;
  const file: Row = {
    what: 'configuration',
    state: 'ok',
    found: `${String(config.nodes.length)} node(s)`,
  };
  const rows = [file, ...(offline ? keyFiles(config) : await lookAround(options))];
  print(output === 'json' ? rowsAsJson(rows) : table(rows));
  return rows.some(({ state }) => state === 'fail') ? 1 : 0;
}

/** Hosts and cluster, beside each other. */
async function lookAround({ config, kubeconfig, version }: CheckOptions): Promise<Row[]> {
  const kube = isClusterConfigured(kubeconfig)
    ? connectKube({ userAgent: `farlet/${version}`, kubeconfig })
    : undefined;
  const [hosts, accounts, cluster] = await Promise.all([
    checkHosts(config),
    checkAccounts(config, version),
    kube === undefined ? [standalone(config)] : checkCluster(kube, config).finally(() => kube.close()),
  ]);
  return [
    ...kubeletApis(config, kube?.server),
    ...keyFiles(config),
    ...(await checkManifests(config)),
    ...hosts,
    ...cluster,
    ...accounts,
  ];
}

/** How kubectl logs, exec and the like come in. */
function kubeletApis({ nodes, authentication }: Config, server: string | undefined): Row[] {
  const file = authentication.x509.clientCAFile;
  const problem = file === undefined ? undefined : clientCaProblem(readFileSync(file), systemClock.now());
  const isNear = server === undefined || isOnThisMachine(server);
  const addresses = nodes.map(({ name, nodeIP, port }): Row => ({
    what: `${name} kubelet API`,
    ...kubeletApiVerdict({ nodeIP: nodeIP?.[0] ?? process.env.POD_IP, port, isNear }),
  }));
  return server === undefined
    ? addresses
    : [{ what: 'client CA', ...clientCaVerdict(file, problem) }, ...addresses];
}

function isOnThisMachine(server: string): boolean {
  const host = URL.parse(server)?.hostname ?? '';
  return /^(127\.|localhost$|\[::1\]$)/.test(host);
}

/** Keys of hosts that others could read; what can't be read at all has been told before. */
function keyFiles({ nodes }: Config): Row[] {
  return nodes.flatMap(({ name: node, hosts }) =>
    hosts.flatMap(({ name, ssh, tls }) =>
      [ssh?.privateKeyFile, tls?.keyFile]
        .filter((file) => file !== undefined)
        .flatMap((file): Row[] => {
          const verdict = keyModeVerdict(file, { ...modeOf(file), ownGroup: process.getgid?.() });
          return verdict === undefined ? [] : [{ what: `${node}/${name} key`, ...verdict }];
        }),
    ),
  );
}

function modeOf(file: string): { mode: number; group: number | undefined } {
  const { mode, uid, gid } = statSync(file);
  return { mode, group: uid === 0 ? gid : undefined };
}

function standalone(config: Config): Row {
  const problem = standaloneProblem(config);
  const found = problem ?? 'none is configured: static pods only';
  return { what: 'API server', state: problem === undefined ? 'ok' : 'fail', found };
}

async function checkManifests({ nodes }: Config): Promise<Row[]> {
  const rows = nodes.map(({ name, staticPodPath }) =>
    staticPodPath === undefined
      ? undefined
      : attempt(`${name} static pods`, () => {
          accessSync(staticPodPath, constants.R_OK);
          return `${staticPodPath} is readable`;
        }),
  );
  return Promise.all(rows.filter((row) => row !== undefined));
}

/** In the order of the configuration; a host that can't be reached keeps no other waiting. */
async function checkHosts(config: Config): Promise<Row[]> {
  const hosts = config.nodes.flatMap((node) =>
    node.hosts.map((host): CheckedHost => ({
      ...host,
      node: node.name,
      address: host.address,
      leadsToFarlet: node.kubeletAPI === 'host',
      rootDir: node.rootDir,
      podLogsDir: config.podLogsDir,
      cgroupDriver: config.cgroupDriver,
      cgroupRoot: config.cgroupsPerQOS ? (node.cgroupRoot ?? config.cgroupRoot) : undefined,
      sandboxedHandlers: config.sandboxedRuntimeHandlers,
    })),
  );
  const rows: Row[][] = hosts.map(() => []);
  const left = [...hosts.entries()];
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift())
      rows[next[0]] = await checkHost(next[1]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return rows.flat();
}

/** Of nodes that have a kubeconfig of their own. */
async function checkAccounts({ nodes }: Config, version: string): Promise<Row[]> {
  const signal = limitSignal(4 * ANSWER_MS);
  const rows = nodes.map(async ({ name, kubeconfig }): Promise<Row | undefined> => {
    if (kubeconfig === undefined) return undefined;
    const what = `${name} account`;
    try {
      const kube = connectKube({ userAgent: `farlet/${version}`, kubeconfig });
      try {
        return { what, ...nodeAccountVerdict(name, await whoAmI(kube, { signal })) };
      } finally {
        await kube.close();
      }
    } catch (error) {
      return { what, state: 'fail', found: messageOf(error), advice: `look at ${kubeconfig}` };
    }
  });
  return (await Promise.all(rows)).filter((row) => row !== undefined);
}

async function checkCluster(kube: KubeConnection, config: Config): Promise<Row[]> {
  const signal = limitSignal(4 * ANSWER_MS);
  const asked = await attempt('API server', async () => {
    // every account that is one may ask this, so that what it may not do is told row by row
    const { gitVersion = '' } = await kube.get<{ gitVersion?: string }>('/version', {
      signal,
      timeoutMs: ANSWER_MS,
    });
    return `${kube.server}, Kubernetes ${gitVersion}`;
  });
  const reached = asked.state === 'fail' ? { ...asked, ...apiVerdict(asked.found) } : asked;
  if (reached.state === 'fail') return [reached];
  const rows = await Promise.all(
    rightsFor(config).map((right) =>
      attempt(`may ${right.verb} ${named(right)}`, async () => {
        const lacking = await withoutRight(kube, right, { signal });
        if (lacking === undefined) return 'yes';
        throw new Error(`not allowed${lacking}: grant it in the ClusterRole of farlet`);
      }),
    ),
  );
  const first = rows.findIndex(({ state }) => state === 'fail');
  const advice = 'farlet check --print-rbac prints roles that grant all of it, docs/rbac.md says what for';
  return [reached, ...rows.map((row, index) => (index === first ? { ...row, advice } : row))];
}

/** For which objects it is not held; undefined: for none. A grant may be of any name, or of each. */
async function withoutRight(
  kube: KubeConnection,
  { verb, names, ...rest }: Right,
  { signal }: { signal: AbortSignal },
): Promise<string | undefined> {
  // what is watched is listed first
  const verbs = verb === 'watch' ? ['list', verb] : [verb];
  const all = (more: { name?: string }): Promise<boolean> =>
    Promise.all(verbs.map((each) => mayI(kube, { ...rest, ...more, verb: each }, { signal }))).then(
      (answers) => !answers.includes(false),
    );
  if (await all({})) return undefined;
  if (names === undefined) return '';
  const held = await Promise.all(names.map((name) => all({ name })));
  const lacking = names.filter((_, index) => held[index] === false);
  return lacking.length === 0 ? undefined : ` for ${lacking.join(', ')}`;
}

/** As kubectl auth can-i takes it: resource.group/subresource. */
function named({ resource, group, subresource }: Right): string {
  return `${resource}${group === undefined ? '' : `.${group}`}${subresource === undefined ? '' : `/${subresource}`}`;
}

async function attempt(what: string, work: () => Promise<string> | string): Promise<Row> {
  try {
    return { what, state: 'ok', found: await work() };
  } catch (error) {
    return { what, state: 'fail', found: messageOf(error) };
  }
}
