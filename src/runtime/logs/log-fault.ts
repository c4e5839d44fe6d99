/**
 * Why a log can't be read, in the kubelet's words (cri-client/pkg/logs/logs.go ReadLogs), for clients and
 * statuses.
 */
import type { HostFiles } from '../../hosts/link/link.ts';
import { goQuote } from '../../model/go-quote.ts';
import { isNotFound } from '../../model/errors.ts';

/** The message is for the log's reader. */
export class LogFault extends Error {}

/**
 * What the error of opening or reading a log means: one that is gone names the first part of its path that
 * is.
 */
export async function logFault(
  error: unknown,
  path: string,
  { files, signal }: { files: Pick<HostFiles, 'look'>; signal: AbortSignal },
): Promise<unknown> {
  if (!isNotFound(error)) return error;
  const parts = path.split('/').slice(1);
  const paths = parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
  const seen = await files.look(
    paths.map((each) => ({ look: 'stat', path: each })),
    { signal },
  );
  const at = paths.find((_, index) => seen[index]?.stat === undefined) ?? path;
  return new LogFault(
    `failed to try resolving symlinks in path ${goQuote(path)}: lstat ${at}: no such file or directory`,
  );
}
