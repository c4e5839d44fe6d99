/** Asks farlet what bench/simulate/loop-probe.ts saw within it. */
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/util/clock.ts';
import type { Probed } from './loop-probe.ts';

/** What a probe leaves out after each answer, and some more. */
const BLIND_MS = 50;

/** The environment of a process that can be asked. */
export function probed(socket: string): { NODE_OPTIONS: string; PROBE_SOCKET: string } {
  const probe = fileURLToPath(new URL('loop-probe.ts', import.meta.url));
  return { NODE_OPTIONS: `--import=${probe}`, PROBE_SOCKET: socket };
}

/** What was seen since it was asked before; what happens from then on is seen. */
export async function askProbe(socket: string): Promise<Probed> {
  const answer = JSON.parse(await text(connect(socket))) as Probed;
  await systemClock.sleep(BLIND_MS);
  return answer;
}
