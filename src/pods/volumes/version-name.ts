/**
 * The folder of a version names its time, as the kubelet's does, and says what is in it: a farlet that starts
 * again sees by the name alone whether the volume is as it should be (docs/adr/0035-told-by-names.md). Pure.
 */

export interface Statement {
  /** `openDigest` of the payload */
  readonly digest: string;
  /** ms since the epoch: a token in it is to be renewed then */
  readonly renewAt: number | undefined;
}

export interface VersionNameInput {
  /** ms since the epoch, and something that differs from the last time */
  readonly now: number;
  readonly unique: string;
  /** undefined: the name says nothing of what is in it */
  readonly states: Statement | undefined;
}

const form = /^\.\.[\d_]{19}\.[0-9a-z]+\.([0-9a-f]{32})(?:\.([0-9a-z]{1,9}))?$/;

export function versionName({ now, unique, states }: VersionNameInput): string {
  const renewAt = states?.renewAt === undefined ? [] : [Math.floor(states.renewAt).toString(36)];
  const said = states === undefined ? [] : [states.digest, ...renewAt];
  return `..${[timestamp(now), unique, ...said].join('.')}`;
}

/** What the name of a version says; undefined for one that says nothing, or is no such name. */
export function statementOf(folder: string): Statement | undefined {
  const [, digest, renewAt] = form.exec(folder) ?? [];
  if (digest === undefined) return undefined;
  return { digest, renewAt: renewAt === undefined ? undefined : Number.parseInt(renewAt, 36) };
}

/** 2006_01_02_15_04_05 in UTC. */
function timestamp(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace(/[-:T]/g, '_');
}
