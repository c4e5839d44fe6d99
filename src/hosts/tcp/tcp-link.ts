/**
 * The link to a host whose runtime listens on TCP with mutual TLS, and of which nothing else can be reached:
 * files, mounts and dials go by way of a helper pod.
 */
import type { CgroupDriver } from '../cri/cgroup-driver.ts';
import type { CriClient } from '../cri/calls.ts';
import { connectCri } from '../cri/connect.ts';
import type { Log } from '../../model/log.ts';
import type { Clock } from '../../util/clock.ts';
import type { FollowedFiles } from '../../util/followed-files.ts';
import { DIAL_MS, dialFromHelper } from './helper-dial.ts';
import { execInContainer, helperTrial, runInHelper } from './helper-exec.ts';
import { listenInHelper } from './helper-listen.ts';
import { HelperPod } from './helper-pod.ts';
import { onTheHost, type HelperOwner } from './helper-spec.ts';
import { DialLimits } from '../link/dial-limits.ts';
import { checkedTarget } from '../link/dial-target.ts';
import type { HostLink } from '../link/link.ts';
import type { RequestObserver } from '../link/host-request.ts';
import { RemoteFiles } from '../far/remote-files.ts';
import { endWhenCut } from './silent-cut.ts';
import { bridgeSocket } from '../link/socket-bridge.ts';
import { TlsConnections } from './tls-connections.ts';
import type { TlsFiles } from './tls-files.ts';
import { limitSignal } from '../../util/abort.ts';

export interface TcpLinkOptions {
  readonly name: string;
  readonly endpoint: string;
  readonly tls: TlsFiles;
  readonly followed: FollowedFiles;
  readonly helperImage: string;
  readonly owner: HelperOwner;
  readonly cgroupDriver: CgroupDriver;
  /** takes the helper off the host when the link is closed, instead of leaving it for the next start */
  readonly temporary: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly onRequest?: RequestObserver | undefined;
}

/** Connections from the host open at a time, each a process there; those beyond wait. */
const WIDTHS = [
  ['probe', 128],
  ['hook', 32],
  ['user', 96],
] as const;
const WITNESS_MS = 2_000;
const REMOVE_MS = 20_000;

/**
 * Nothing is connected before it is needed. Throws on an endpoint that app/config/load.ts would have refused.
 */
export function tcpLink(options: TcpLinkOptions): HostLink {
  const { name, endpoint, helperImage, temporary, clock, onRequest } = options;
  const connections = new TlsConnections(options);
  const fault = (): string | undefined => connections.fault;
  const bridge = bridgeSocket(({ signal }) => connections.toRuntime({ signal }));
  const target = `unix:${bridge.path}`;
  const cri = connectCri({ endpoint: { target }, host: name });
  const exec = execInContainer({ host: name, cri, connections, clock });
  const trial = helperTrial(name, exec);
  const helper = new HelperPod({ ...options, host: name, image: helperImage, cri, fault, try: trial });
  const run = runInHelper(helper, exec);
  const files = new RemoteFiles({
    host: name,
    clock,
    onRequest,
    open: (command, { signal }) => run(onTheHost(command), { signal, watched: true }),
  });
  const limits = new DialLimits(name, WIDTHS);
  return {
    name,
    endpoint,
    cri: () => ({ target }),
    fault,
    connections: () => connections.made,
    traffic: () => connections.traffic(),
    problem: ({ signal }) => helper.problem({ signal }),
    dial: async (to, { signal, use = 'user' }) => {
      const checked = checkedTarget(name, to);
      return limits.open(use, signal, () => dialFromHelper(checked, { host: name, run, signal }));
    },
    dials: () => limits.usage(),
    dialStream: async (url, { signal }) => {
      const stream = await connections.toStream(url, { signal });
      endWhenCut(stream, { host: name, target: connections.streamsAt(url), clock });
      return stream;
    },
    witness: () => witness(cri, connections),
    listen: (port, { signal, onConnection }) =>
      listenInHelper({ host: name, port, run, onConnection, signal }),
    files,
    close: async () => {
      files.close();
      helper.close();
      if (temporary) await helper.remove({ signal: limitSignal(REMOVE_MS) }).catch(() => undefined);
      cri.close();
      bridge.close();
      connections.release();
    },
  };
}

/** By the same way as dials: the runtime has to be there for both. */
function witness(
  cri: Pick<CriClient, 'version'>,
  connections: Pick<TlsConnections, 'made'>,
): ReturnType<NonNullable<HostLink['witness']>> {
  const { made } = connections;
  const answers = (timeoutMs: number, signal?: AbortSignal): Promise<boolean> =>
    cri.version({ version: '' }, { signal, timeoutMs }).then(
      () => connections.made === made,
      () => false,
    );
  const heard = { first: false };
  void answers(DIAL_MS).then((first) => (heard.first = first));
  return async ({ signal }) => heard.first && answers(WITNESS_MS, signal);
}
