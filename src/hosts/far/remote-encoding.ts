/**
 * How arguments travel to the program on a far host (remote-program.ts), and its answers back. An argument is
 * one word of letters that mean nothing to a shell; every other byte is written as \0ooo, which the program's
 * printf '%b' reads: a process more, so of what paths mostly have nothing is. So names with spaces, quotes or
 * newlines are data by construction. Pure.
 */
import type { ErrorKind } from '../../model/errors.ts';
import { kindOfText } from '../link/errno.ts';

/** One step of a request: a function of the program, its arguments, and the bytes that follow. */
export interface RemoteStep {
  readonly verb: string;
  /** undefined stands for "not given" */
  readonly args: readonly (string | number | undefined)[];
  readonly data?: Buffer;
}

const PLAIN = /^[A-Za-z0-9._/:@%+,=~-]$/;
const NOT_GIVEN = '-';

export function encodeArgument(value: string | number | undefined): string {
  if (value === undefined) return NOT_GIVEN;
  if (value === NOT_GIVEN) return '\\0055';
  const bytes = Buffer.from(String(value));
  // printf '%b' ends its output at \c: an empty word
  if (bytes.length === 0) return '\\c';
  let word = '';
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    word += PLAIN.test(character) ? character : `\\0${byte.toString(8).padStart(3, '0')}`;
  }
  return word;
}

/**
 * A request as bytes: a line for each step with its data behind it, then the line that asks for the answer.
 */
export function encodeRequest(key: string, sequence: number, steps: readonly RemoteStep[]): Buffer[] {
  const pieces = steps.flatMap(({ verb, args, data }) => {
    const line = [key, verb, String(data?.length ?? 0), ...args.map(encodeArgument)].join(' ');
    return data === undefined ? [Buffer.from(`${line}\n`)] : [Buffer.from(`${line}\n`), data];
  });
  return [...pieces, Buffer.from(`${key} end ${String(sequence)}\n`)];
}

export type RemoteAnswer =
  | { readonly ok: true; readonly payload: Buffer; readonly more: string }
  | {
      readonly ok: false;
      /** which step failed */
      readonly step: number;
      readonly kind: ErrorKind;
      readonly text: string;
    };

/**
 * Begins what is said of a mount that failed: the kubelet's text (k8s.io/mount-utils mount_linux.go doMount),
 * whole.
 */
export const MOUNT_FAILED = 'mount failed: ';

/** Stands for a line break in an error's text, which is one line. */
const LINE_BREAK = '\x1f';
/** Kinds that the program states itself. */
const stated = ['conflict', 'invalid', 'forbidden'] as const;

/**
 * What follows the marker of an answer: `ok more…` or `error step kind text…`; kind - is read from the text.
 */
export function parseAnswer(status: string, payload: Buffer): RemoteAnswer {
  const ok = /^ok ?(.*)$/.exec(status);
  if (ok !== null) return { ok: true, payload, more: ok[1] ?? '' };
  const error = /^error (\d+) (\S+) (.*)$/.exec(status);
  const text = (error?.[3] ?? status).trim().replaceAll(LINE_BREAK, '\n');
  const known = stated.find((each) => each === error?.[2]);
  const kind = known ?? kindOfText(text);
  return { ok: false, step: Number(error?.[1] ?? 0), kind, text };
}
