import type { CriClient } from '../../hosts/cri/calls.ts';
import { kindOf } from '../../model/errors.ts';
import { goQuote } from '../../model/go-quote.ts';
import { goSeconds, MAX_OUTPUT_BYTES, type ProbeOutcome } from './probe.ts';

/**
 * Exit code 0 is success; the command's own timeout is enforced by the runtime (pkg/probe/exec). Children
 * that hold its output keep the answer back, with a kubelet as well, until they end or two minutes are over.
 */
export async function probeExec(
  cri: Pick<CriClient, 'execSync'>,
  exec: { containerId: string; command: readonly string[]; timeoutSeconds: number },
  { signal }: { signal: AbortSignal },
): Promise<ProbeOutcome> {
  try {
    const answer = await cri.execSync(
      { container_id: exec.containerId, cmd: [...exec.command], timeout: exec.timeoutSeconds },
      { signal },
    );
    if (answer.exit_code === 0) return { kind: 'success' };
    return {
      kind: 'failure',
      output: Buffer.concat([answer.stdout, answer.stderr]).subarray(0, MAX_OUTPUT_BYTES).toString(),
    };
  } catch (error) {
    if (kindOf(error) !== 'deadline-exceeded') throw error;
    return {
      kind: 'failure',
      isLate: true,
      output: `command timed out: ${goQuote(exec.command.join(' '))} timed out after ${goSeconds(exec.timeoutSeconds)}`,
    };
  }
}
