/** One host, as `farlet check` looks at it. Every step has a deadline; what it makes it takes away again. */
import { randomUUID } from 'node:crypto';
import { readCgroupLayout } from '../../resources/cgroups/cgroup-layout.ts';
import { nodeCgroup } from '../../resources/cgroups/cgroup-name.ts';
import { createCgroup, removeCgroup } from '../../resources/cgroups/cgroup-ops.ts';
import type { CriClient } from '../../hosts/cri/calls.ts';
import { runtimeCgroupDriver, type CgroupDriver } from '../../hosts/cri/cgroup-driver.ts';
import { connectCri } from '../../hosts/cri/connect.ts';
import type { StatusResponse__Output } from '../../hosts/cri/generated/runtime/v1/StatusResponse.ts';
import { readHostAddresses } from '../../hosts/facts.ts';
import { readClockOffset } from '../../hosts/host-clock.ts';
import type { HostLink } from '../../hosts/link/link.ts';
import { openLink, type HostAddress } from '../../hosts/open-link.ts';
import { handlerSettings, runtimeHandlers } from '../../hosts/runtime-handlers.ts';
import { kindOf, messageOf, type ErrorKind } from '../../model/errors.ts';
import { silentLog } from '../../model/log.ts';
import { withDeadline } from '../../util/abort.ts';
import { systemClock } from '../../util/clock.ts';
import { FollowedFiles } from '../../util/followed-files.ts';
import { addressVerdict, portVerdict } from './check-addresses.ts';
import { checkNeighbours } from './neighbours.ts';
import type { Row } from './table.ts';
import { trySandbox } from './trial-sandbox.ts';
import {
  clockVerdict,
  conditionVerdict,
  handlersVerdict,
  latencyVerdict,
  rightsVerdict,
  unreachable,
} from './verdicts.ts';

export interface CheckedHost extends HostAddress {
  readonly node: string;
  /** of the configuration */
  readonly address: readonly string[] | undefined;
  /** its port 10250 is to lead to farlet */
  readonly leadsToFarlet: boolean;
  readonly rootDir: string;
  readonly podLogsDir: string;
  readonly cgroupDriver: CgroupDriver;
  /** the root below which pods' cgroups are made; undefined: none are */
  readonly cgroupRoot: string | undefined;
  readonly sandboxedHandlers: readonly string[];
}

/** The first answer of a far host includes logging in. */
const CONNECT_MS = 20_000;
const ANSWER_MS = 10_000;
/** On tcp the helper is started first, whose image may have to be pulled. */
const HELPER_MS = 60_000;
const CLOSE_MS = 15_000;
const ROUND_TRIPS = 3;

interface Reached {
  readonly host: CheckedHost;
  readonly link: HostLink;
  readonly cri: CriClient;
  readonly signal: AbortSignal;
}

/** Never rejects. Rows begin with `node/host`. */
export async function checkHost(host: CheckedHost): Promise<Row[]> {
  const prefix = `${host.node}/${host.name}`;
  return (await look(host)).map((row) => ({ ...row, what: `${prefix} ${row.what}` }));
}

async function look(host: CheckedHost): Promise<Row[]> {
  const { node, name, endpoint, cgroupDriver } = host;
  const owner = { node, cluster: 'farlet-check' };
  const stop = new AbortController();
  let link: HostLink;
  try {
    const shared = { clock: systemClock, log: silentLog };
    const followed = new FollowedFiles(shared);
    link = openLink(host, { ...shared, followed, owner, cgroupDriver, temporary: true });
  } catch (error) {
    return [{ what: 'link', state: 'fail', found: messageOf(error) }];
  }
  const cri = connectCri({ endpoint: link.cri(), host: name });
  try {
    const began = systemClock.monotonic();
    const { runtime_name: runtime, runtime_version: found } = await cri.version(
      {},
      { timeoutMs: CONNECT_MS },
    );
    const ms = Math.round(systemClock.monotonic() - began);
    const reached = { host, link, cri, signal: stop.signal };
    const rest = await lookInside(reached);
    return [
      { what: 'link', state: 'ok', found: endpoint },
      { what: 'runtime', state: 'ok', found: `${runtime} ${found}, ${String(ms)} ms` },
      ...rest,
    ];
  } catch (error) {
    const fault = link.fault?.() ?? (await whyNoFiles(link, stop.signal));
    return [unreachable(endpoint, { fault, error: messageOf(error), kind: kindOf(error) })];
  } finally {
    stop.abort(new Error('the check is over'));
    cri.close();
    await withDeadline(undefined, CLOSE_MS, name, () => link.close()).catch(() => undefined);
  }
}

/**
 * A far host whose socket gives no reason may have one for its files: a login that is refused, sudo that
 * asks.
 */
async function whyNoFiles(link: HostLink, signal: AbortSignal): Promise<string | undefined> {
  if (link.fault === undefined) return undefined;
  try {
    await withDeadline(signal, ANSWER_MS, 'files', (limit) => link.files.stat('/', { signal: limit }));
    return link.fault();
  } catch (error) {
    return link.fault() ?? messageOf(error);
  }
}

async function lookInside(reached: Reached): Promise<Row[]> {
  const { cri, link, host, signal } = reached;
  const trips: number[] = [];
  for (let trip = 0; trip < ROUND_TRIPS; trip += 1) {
    const began = systemClock.monotonic();
    await cri.version({}, { timeoutMs: ANSWER_MS });
    trips.push(systemClock.monotonic() - began);
  }
  const status = await cri.status({ verbose: true }, { timeoutMs: ANSWER_MS });
  const conditions = (status.status?.conditions ?? []).filter(
    ({ type }) => type === 'RuntimeReady' || type === 'NetworkReady',
  );
  const withNetwork = conditions.some(({ type, status: good }) => type === 'NetworkReady' && good);
  const trial = { cri, link, clock: systemClock, withNetwork, signal };
  const [driver, files] = await Promise.all([
    runtimeCgroupDriver(cri, host.cgroupDriver, { signal }).catch(() => host.cgroupDriver),
    // what is wrong with files is wrong with all that follows
    step('files', host.endpoint.startsWith('tcp:') ? HELPER_MS : ANSWER_MS, signal, (limit) =>
      tryFolder(link, host.rootDir, limit),
    ),
  ]);
  const others =
    files.state === 'fail'
      ? []
      : await Promise.all<Row | Row[]>([
          step('logs', ANSWER_MS, signal, (limit) => tryFolder(link, host.podLogsDir, limit)),
          step('tmpfs', ANSWER_MS, signal, (limit) => tryTmpfs(reached, limit)),
          step('rights', ANSWER_MS, signal, (limit) => readRights(link, limit)),
          step('clock', ANSWER_MS, signal, (limit) => compareClocks(reached, limit)),
          ...(host.cgroupRoot === undefined
            ? []
            : [step('cgroups', ANSWER_MS, signal, (limit) => tryCgroups(reached, driver, limit))]),
          step('dial', ANSWER_MS, signal, (limit) => tryDial(link, limit)),
          lookAround(reached, driver),
          lookAtAddresses(reached),
        ]);
  return [
    { what: 'latency', ...latencyVerdict(trips) },
    { what: 'handlers', ...handlersVerdict(handlersOf(status, host)) },
    ...conditions.map((condition) => ({ what: condition.type, ...conditionVerdict(condition) })),
    ...(await trySandbox({ ...trial, cgroupDriver: driver })),
    files,
    ...others.flat(),
  ];
}

/** What can't be told is no warning. */
async function lookAround({ cri, link, host, signal }: Reached, driver: CgroupDriver): Promise<Row[]> {
  const { node, rootDir, cgroupRoot: root } = host;
  const look = async (limit: AbortSignal): Promise<Row[]> => {
    const layout = root === undefined ? undefined : await readCgroupLayout(link.files, { signal: limit });
    const cgroups = root === undefined || layout === undefined ? undefined : { root, driver, layout };
    return checkNeighbours({ cri, files: link.files, node, rootDir, cgroups }, { signal: limit });
  };
  return withDeadline(signal, ANSWER_MS, 'neighbours', look).catch(() => []);
}

async function lookAtAddresses({ link, host, signal }: Reached): Promise<Row[]> {
  const fallback = 'the address that farlet reaches it by, or nodeIP,';
  let addresses: readonly string[] = [];
  const address = await step('address', ANSWER_MS, signal, async (limit) => {
    addresses = host.address ?? (await readHostAddresses(link.files, { signal: limit }));
    return addressVerdict(addresses, { address: host.address, fallback });
  });
  if (!host.leadsToFarlet) return [address];
  const port = await step('kubelet API', ANSWER_MS, signal, (limit) =>
    portVerdict(link, addresses, { signal: limit }),
  );
  return [address, port];
}

function handlersOf(status: StatusResponse__Output, { sandboxedHandlers }: CheckedHost) {
  return runtimeHandlers(status.runtime_handlers, handlerSettings(status.info.config), sandboxedHandlers);
}

type Found = Omit<Row, 'what'>;

async function step(
  what: string,
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Found>,
): Promise<Row> {
  try {
    return { what, ...(await withDeadline(signal, ms, what, work)) };
  } catch (error) {
    const advice = adviceFor(what, kindOf(error));
    return { what, state: 'fail', found: messageOf(error), advice };
  }
}

function adviceFor(what: string, kind: ErrorKind): string | undefined {
  if (kind === 'resource-exhausted') return 'the disk is full: make room on it';
  switch (what) {
    case 'files':
      return 'pods need this folder, rootDir of the node: let farlet write it (as root), on a disk that is not read-only';
    case 'logs':
      return 'containers write their logs there (podLogsDir): let farlet write it (as root), on a disk that is not read-only';
    case 'tmpfs':
      return 'Secrets and tokens are kept in memory: let farlet mount (CAP_SYS_ADMIN; root over ssh, privileged in a container)';
    case 'cgroups':
      return 'let farlet write /sys/fs/cgroup, or set cgroupsPerQOS: false';
    case 'dial':
      return 'probes and hooks dial from the host: sshd needs AllowTcpForwarding';
    default:
      return undefined;
  }
}

/** Several hosts of a configuration may be one machine. */
function probeName(): string {
  return `.check-${randomUUID().slice(0, 8)}`;
}

async function tryFolder(link: HostLink, folder: string, signal: AbortSignal): Promise<Found> {
  const probe = `${folder}/${probeName()}`;
  await link.files.apply(
    [
      { op: 'mkdir', path: probe, mode: 0o700 },
      { op: 'remove', path: probe },
    ],
    { signal },
  );
  return { state: 'ok', found: `${folder} is writable` };
}

async function tryTmpfs({ link, host, signal: life }: Reached, signal: AbortSignal): Promise<Found> {
  const path = `${host.rootDir}/${probeName()}`;
  try {
    await link.files.apply(
      [
        { op: 'mkdir', path, mode: 0o700 },
        { op: 'mount-tmpfs', path, sizeBytes: 1024 * 1024, mode: 0o700 },
        { op: 'write', path: `${path}/secret`, data: Buffer.from('x'), mode: 0o600 },
      ],
      { signal },
    );
  } finally {
    const undo = [
      { op: 'unmount', path },
      { op: 'remove', path },
    ] as const;
    await withDeadline(life, ANSWER_MS, 'tmpfs', (limit) => link.files.apply(undo, { signal: limit }));
  }
  return { state: 'ok', found: 'Secrets and tokens can be kept in memory' };
}

async function readRights(link: HostLink, signal: AbortSignal): Promise<Found> {
  const status = await link.files.readFile('/proc/self/status', { signal, maxBytes: 64 * 1024 });
  return rightsVerdict(status.toString());
}

/** As farlet itself goes by. */
async function compareClocks({ link }: Reached, signal: AbortSignal): Promise<Found> {
  return clockVerdict(await readClockOffset(link.files, { clock: systemClock, known: 0, signal }));
}

/** Makes a cgroup as for a pod, and takes it away. */
async function tryCgroups(
  { host, link: { files } }: Reached,
  driver: CgroupDriver,
  signal: AbortSignal,
): Promise<Found> {
  const layout = await readCgroupLayout(files, { signal });
  const place = { layout, driver, hugePageSizes: [] };
  const name = [...nodeCgroup(host.cgroupRoot ?? ''), 'check'];
  await files.apply(createCgroup(name, { cpuShares: 2 }, place), { signal });
  await files.apply(removeCgroup(name, place), { signal });
  return { state: 'ok', found: `v${String(layout.version)}, driver ${driver}` };
}

/** A port that nobody listens on shows as well as any that the host can be dialed from. */
async function tryDial(link: HostLink, signal: AbortSignal): Promise<Found> {
  try {
    (await link.dial({ host: '127.0.0.1', port: 1 }, { signal })).destroy();
  } catch (error) {
    const refused = kindOf(error) === 'unavailable' && /refused/i.test(messageOf(error));
    if (!refused) throw error;
  }
  return { state: 'ok', found: 'connections can be made from the host' };
}
