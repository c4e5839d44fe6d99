/** How a process in a container ended, as far as its stream tells. */
export interface ExecStatus {
  readonly ok: boolean;
  /** for people; empty if all went well */
  readonly text: string;
  /** the stream ended before the process: the way there broke, or the caller left */
  readonly isCut?: true;
}

/** The status channel of v4.channel.k8s.io: a metav1.Status as JSON. Pure. */
export function execStatus(payload: Buffer): ExecStatus {
  let status: unknown;
  try {
    status = JSON.parse(payload.toString());
  } catch {
    return { ok: false, text: `the runtime ended the stream with ${JSON.stringify(payload.toString())}` };
  }
  if (typeof status !== 'object' || status === null)
    return { ok: false, text: 'the runtime reported no status' };
  const { status: word, message } = status as { status?: unknown; message?: unknown };
  if (word === 'Success') return { ok: true, text: '' };
  return { ok: false, text: typeof message === 'string' ? message : 'the process failed' };
}
