/** What an agent asked of the API server, by the server's own audit log. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Audited } from '../../e2e/harness/control-plane.ts';

/** Calls by what they are, as `patch pods/status`; a watch counts once, when it is opened. */
export type ApiCalls = ReadonlyMap<string, number>;

/** Reads on from where the log was read to before. */
export class AuditReader {
  readonly #file: string;
  #at = 0;
  readonly #counts = new Map<string, Map<string, number>>();

  constructor(file: string) {
    this.#file = file;
  }

  /** Those of some users together, so far. */
  calls(users: readonly string[]): ApiCalls {
    this.#readOn();
    const sum = new Map<string, number>();
    for (const user of users)
      for (const [call, count] of this.#counts.get(user) ?? []) sum.set(call, (sum.get(call) ?? 0) + count);
    return sum;
  }

  #readOn(): void {
    const file = openSync(this.#file, 'r');
    try {
      const bytes = Buffer.alloc(fstatSync(file).size - this.#at);
      const read = readSync(file, bytes, 0, bytes.length, this.#at);
      // the last line may be half written
      const end = bytes.lastIndexOf(0x0a, Math.max(0, read - 1)) + 1;
      this.#at += end;
      for (const line of bytes.toString('utf8', 0, end).split('\n')) if (line !== '') this.#count(line);
    } finally {
      closeSync(file);
    }
  }

  #count(line: string): void {
    const told = JSON.parse(line) as Audited;
    const call = callOf(told);
    if (call === undefined) return;
    const { username } = told.user;
    const counts = this.#counts.get(username) ?? new Map<string, number>();
    counts.set(call, (counts.get(call) ?? 0) + 1);
    this.#counts.set(username, counts);
  }
}

/** undefined for the second line of a call that has two. Pure. */
export function callOf({ verb, objectRef, requestURI, stage }: Audited): string | undefined {
  if (verb === 'watch' ? stage !== 'ResponseStarted' : stage === 'ResponseStarted') return undefined;
  if (objectRef === undefined) return `${verb} ${requestURI.replace(/\?.*/, '')}`;
  const { resource, subresource } = objectRef;
  return `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`;
}
