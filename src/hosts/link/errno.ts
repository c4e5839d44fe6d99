/**
 * What the kernel says of a file, in every spelling: Node has codes, programs on far hosts have strerror(3)'s
 * text (glibc's or musl's, under LC_ALL=C), and people know Go's (syscall.Errno), which a kubelet's events
 * and statuses have. Pure.
 */
import { HostError, type ErrorKind } from '../../model/errors.ts';
import type { FileType } from './link.ts';

interface Failure {
  readonly code: string;
  readonly kind: ErrorKind;
  /** as Go says it */
  readonly text: string;
  /** other spellings, as they end a program's complaint */
  readonly also: RegExp;
}

const failures: readonly Failure[] = [
  { code: 'ENOENT', kind: 'not-found', text: 'no such file or directory', also: /No such file|nonexistent/i },
  { code: 'ENOTDIR', kind: 'not-found', text: 'not a directory', also: /Not a directory/i },
  { code: 'EISDIR', kind: 'invalid', text: 'is a directory', also: /Is a directory/i },
  {
    code: 'EACCES',
    kind: 'forbidden',
    text: 'permission denied',
    also: /Permission denied|must be superuser/i,
  },
  { code: 'EPERM', kind: 'forbidden', text: 'operation not permitted', also: /Operation not permitted/i },
  { code: 'EROFS', kind: 'forbidden', text: 'read-only file system', also: /Read-only file system/i },
  { code: 'ENOSPC', kind: 'resource-exhausted', text: 'no space left on device', also: /No space left/i },
  { code: 'EDQUOT', kind: 'resource-exhausted', text: 'disk quota exceeded', also: /quota exceeded/i },
  { code: 'EEXIST', kind: 'already-exists', text: 'file exists', also: /File exists/i },
  { code: 'EBUSY', kind: 'conflict', text: 'device or resource busy', also: /Resource busy|resource busy/i },
  {
    code: 'ELOOP',
    kind: 'internal',
    text: 'too many levels of symbolic links',
    also: /Too many levels of symbolic links|Symbolic link loop/i,
  },
  { code: 'ENAMETOOLONG', kind: 'internal', text: 'file name too long', also: /File ?name too long/i },
  { code: 'ENOTEMPTY', kind: 'internal', text: 'directory not empty', also: /Directory not empty/i },
  { code: 'EINVAL', kind: 'internal', text: 'invalid argument', also: /Invalid argument/i },
  { code: 'EIO', kind: 'internal', text: 'input/output error', also: /Input\/output error|I\/O error/i },
  { code: 'ESTALE', kind: 'internal', text: 'stale NFS file handle', also: /Stale (NFS )?file handle/i },
  { code: 'EXDEV', kind: 'internal', text: 'invalid cross-device link', also: /cross-device link/i },
  { code: 'ENXIO', kind: 'internal', text: 'no such device or address', also: /No such device or address/i },
  { code: 'ENODEV', kind: 'internal', text: 'no such device', also: /No such device/i },
];
const byCode = new Map(failures.map((each) => [each.code, each]));
/** Go's names of the calls, where ours are others. */
const verbs = new Map([
  ['read', 'open'],
  ['write', 'open'],
  ['touch', 'open'],
  ['list', 'open'],
  ['text', 'open'],
  ['mkdir-within', 'mkdir'],
  ['remove-tree', 'remove'],
  ['real path', 'lstat'],
]);

/** Between the place where something failed and why, where a program on a far host tells of the place. */
export const PLACE = '\x1e';

export interface FileFailure {
  readonly host: string;
  /** what was tried, e.g. `mkdir` or `real path` */
  readonly verb: string;
  readonly path: string;
}

/**
 * An error of Node's file system calls; `path` is where it happened, unless the error itself names a place
 * with `at`.
 */
export function errorOfCode(error: unknown, { host, verb, path }: FileFailure): HostError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const failure = byCode.get(code);
  const why = failure?.text ?? (error instanceof Error ? error.message : String(error));
  const at = error instanceof Error && 'at' in error ? String(error.at) : path;
  return fileError(failure?.kind ?? 'internal', { host, verb, path: at, why }, error);
}

/**
 * Of a failure that a program on a far host complained of: its kind unless that was told, and Go's words if
 * it has any.
 */
export function errorOfText(
  text: string,
  { host, verb, path, kind }: FileFailure & { kind: ErrorKind },
): HostError {
  const [why = '', at = path] = text.split(PLACE, 2).reverse();
  return fileError(kind, { host, verb, path: at, why: failureOf(why)?.text ?? why });
}

/** The kind of a command's complaint. */
export function kindOfText(text: string): ErrorKind {
  return failureOf(text)?.kind ?? (text.includes('not a regular file') ? 'invalid' : 'internal');
}

export function fileError(
  kind: ErrorKind,
  { host, verb, path, why }: FileFailure & { why: string },
  cause?: unknown,
): HostError {
  const told = `${verbs.get(verb) ?? verb} ${path}: ${why}`;
  return new HostError(kind, host, `${host}: ${verb} ${path}: ${why}`, { cause, told });
}

/** The last of several complaints is of what could not be done. */
export function failureOf(text: string): Failure | undefined {
  const last = text.trim().split('\n').at(-1) ?? '';
  return failures.find(({ also }) => also.test(last)) ?? failures.find(({ also }) => also.test(text));
}

/** Why nothing but a regular file is opened. */
export function notRegular(type: FileType): string {
  return type === 'directory' ? 'is a directory' : `is a ${type}, not a regular file`;
}
