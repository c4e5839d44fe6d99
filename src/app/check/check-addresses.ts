/** Where a host is, and whether its port leads to farlet, as `farlet check` tells. */
import type { HostLink } from '../../hosts/link/link.ts';
import { listeningLink, PublishedPort, type PortProblem } from '../../hosts/published-port.ts';
import { messageOf } from '../../model/errors.ts';
import { childController, orAbort } from '../../util/abort.ts';
import { systemClock } from '../../util/clock.ts';
import { KUBELET_PORT } from '../node/kubelet-api-on-host.ts';
import type { Verdict } from './verdicts.ts';

interface Look {
  readonly signal: AbortSignal;
}

/** `address`: of the configuration; undefined: the host was asked. */
export function addressVerdict(
  addresses: readonly string[],
  { address, fallback }: { readonly address: readonly string[] | undefined; readonly fallback: string },
): Verdict {
  if (addresses.length === 0)
    return {
      state: 'warn',
      found: `the host has no default route that tells its address: ${fallback} is taken`,
      advice: 'set hosts[].address to what others reach the host by',
    };
  const whence = address === undefined ? 'the source of its default route' : 'hosts[].address';
  return { state: 'ok', found: `${addresses.join(', ')}: ${whence}` };
}

/** Listens at the port for a moment, and dials it from the host. */
export async function portVerdict(
  link: HostLink,
  addresses: readonly string[],
  { signal }: Look,
): Promise<Verdict> {
  const listening = listeningLink(link);
  if (addresses.length === 0) return { state: 'fail', found: 'it is not known where the host is' };
  if (listening === undefined) return { state: 'ok', found: 'farlet itself listens on this machine' };
  const problem = Promise.withResolvers<PortProblem | undefined>();
  const life = childController(signal);
  const port = new PublishedPort({
    link: listening,
    port: KUBELET_PORT,
    // nobody is let in
    to: { host: '127.0.0.1', port: 1 },
    addresses: () => addresses,
    onChange: problem.resolve,
    clock: systemClock,
  });
  const running = port.run(life.signal).catch(() => undefined);
  try {
    const found = await orAbort(problem.promise, signal);
    const where = addresses.map((each) => `${each} port ${String(KUBELET_PORT)}`).join(', ');
    if (found === undefined) return { state: 'ok', found: `${where} leads to farlet` };
    return found.at === 'listening' && (await isTaken(link, signal))
      ? {
          state: 'warn',
          found: `something listens on port ${String(KUBELET_PORT)} of the host already`,
          advice:
            'fine if it is this farlet, running; a kubelet of the host has to go, or leave kubeletAPI at farlet',
        }
      : { state: 'fail', found: found.text, advice: 'let sshd listen for farlet, as docs/hosts.md shows' };
  } finally {
    life.abort(new Error('the check is over'));
    await running;
  }
}

async function isTaken(link: HostLink, signal: AbortSignal): Promise<boolean> {
  try {
    const stream = await link.dial({ host: '127.0.0.1', port: KUBELET_PORT }, { signal, use: 'probe' });
    stream.on('error', () => undefined).destroy();
    return true;
  } catch (error) {
    signal.throwIfAborted();
    return !messageOf(error).includes('refused');
  }
}
