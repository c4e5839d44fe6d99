/** Makes a sandbox for a moment: whether the host can make any, and whether its streams can be reached. */
import type { CgroupDriver } from '../../hosts/cri/cgroup-driver.ts';
import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { CriClient } from '../../hosts/cri/calls.ts';
import { urlTarget } from '../../hosts/link/url-target.ts';
import type { HostLink } from '../../hosts/link/link.ts';
import { messageOf } from '../../model/errors.ts';
import { withDeadline } from '../../util/abort.ts';
import type { Clock } from '../../util/clock.ts';
import type { Row } from './table.ts';
import { sandboxVerdict } from './verdicts.ts';

export interface TrialOptions {
  readonly cri: Pick<CriClient, 'runPodSandbox' | 'portForward' | 'stopPodSandbox' | 'removePodSandbox'>;
  readonly link: Pick<HostLink, 'dial' | 'dialStream'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** on a network of its own, made by CNI; else on the host's */
  readonly withNetwork: boolean;
  readonly cgroupDriver: CgroupDriver;
  readonly signal: AbortSignal;
}

/** The image may have to be pulled first. */
const SANDBOX_MS = 60_000;
const ANSWER_MS = 10_000;

/**
 * The rows `sandbox` and `streaming`. The sandbox has none of the labels by which pods are found, so that
 * nobody takes it for one, and is gone when this resolves; what can't be taken away is told.
 */
export async function trySandbox(options: TrialOptions): Promise<Row[]> {
  const { cri, clock, withNetwork, signal } = options;
  const began = clock.monotonic();
  let id: string;
  try {
    const answer = await cri.runPodSandbox(
      { config: trialConfig(options), runtime_handler: '' },
      { signal, timeoutMs: SANDBOX_MS },
    );
    id = answer.pod_sandbox_id;
  } catch (error) {
    return [
      { what: 'sandbox', ...sandboxVerdict(messageOf(error)) },
      { what: 'streaming', state: 'warn', found: 'not tried: there is no sandbox to try it with' },
    ];
  }
  const ms = String(Math.round(clock.monotonic() - began));
  const made = `one was made in ${ms} ms, with ${withNetwork ? 'an address by CNI' : "the host's network"}`;
  const streaming = await tryStream(options, id);
  const left = await remove(cri, id);
  return [
    left === undefined
      ? { what: 'sandbox', state: 'ok', found: made }
      : {
          what: 'sandbox',
          state: 'fail',
          found: `${made}, but it can't be taken away: ${left}`,
          advice: `crictl rmp -f ${id}; pods would stay likewise`,
        },
    streaming,
  ];
}

function trialConfig({ withNetwork, cgroupDriver }: TrialOptions) {
  const uid = randomUUID();
  return {
    metadata: { name: `farlet-check-${uid.slice(0, 8)}`, namespace: 'farlet-check', uid, attempt: 0 },
    linux: {
      cgroup_parent: cgroupDriver === 'systemd' ? 'system.slice' : '/',
      security_context: { namespace_options: withNetwork ? {} : ({ network: 'NODE' } as const) },
    },
  };
}

/** Asks where a stream would be, and connects there; nothing is asked of what answers. */
async function tryStream({ cri, link, signal }: TrialOptions, id: string): Promise<Row> {
  const what = 'streaming';
  let at = 'the runtime';
  try {
    const { url: text } = await cri.portForward(
      { pod_sandbox_id: id, port: [80] },
      { signal, timeoutMs: ANSWER_MS },
    );
    const url = new URL(text);
    at = url.host;
    const socket = await withDeadline(signal, ANSWER_MS, at, (limit): Promise<Duplex> =>
      link.dialStream === undefined
        ? link.dial(urlTarget(url), { signal: limit })
        : link.dialStream(url, { signal: limit }),
    );
    socket.on('error', () => undefined);
    socket.destroy();
    return { what, state: 'ok', found: `the runtime serves streams at ${at}` };
  } catch (error) {
    return {
      what,
      state: 'fail',
      found: `${at}: ${messageOf(error)}`,
      advice:
        'kubectl exec, attach and port-forward will fail: stream_server_address and stream_server_port of the runtime must lead to it, seen from the host (over tcp: from here, with TLS)',
    };
  }
}

/** Why it is still there; undefined: it is gone. */
async function remove(cri: TrialOptions['cri'], id: string): Promise<string | undefined> {
  try {
    await cri.stopPodSandbox({ pod_sandbox_id: id }, { timeoutMs: ANSWER_MS });
    await cri.removePodSandbox({ pod_sandbox_id: id }, { timeoutMs: ANSWER_MS });
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
