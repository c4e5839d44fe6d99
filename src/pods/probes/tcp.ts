import type { Dial, DialTarget } from '../../hosts/link/dial-target.ts';
import { dialError, hostPort } from '../../hosts/link/net-errors.ts';
import type { ProbeOutcome } from './probe.ts';

/** Success is a connection; it is closed at once (pkg/probe/tcp). */
export async function probeTcp(
  dial: Dial,
  target: DialTarget,
  { signal }: { signal: AbortSignal },
): Promise<ProbeOutcome> {
  try {
    const socket = await dial(target, { signal });
    socket.destroy();
    return { kind: 'success' };
  } catch (error) {
    const address = hostPort(target.host, target.port);
    return {
      kind: 'failure',
      output: signal.aborted ? `dial tcp ${address}: i/o timeout` : dialError(address, error),
    };
  }
}
