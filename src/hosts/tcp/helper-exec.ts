/** Processes in the helper of one host, and by way of it on the host itself. */
import type { CriClient } from '../cri/calls.ts';
import { HostError } from '../../model/errors.ts';
import { limitSignal } from '../../util/abort.ts';
import type { Clock } from '../../util/clock.ts';
import { lastWords } from '../link/last-words.ts';
import { openExecStream, type ExecStream } from './exec-stream.ts';
import type { HelperPod, HelperPodOptions } from './helper-pod.ts';
import { trialCommand } from './helper-spec.ts';
import type { TlsConnections } from './tls-connections.ts';

export interface ExecOptions {
  readonly signal: AbortSignal;
  /** ended when the other end is silent; only for processes that always read what they are sent */
  readonly watched?: boolean;
}

/** Starts a command in a container of the host. */
export type ExecInContainer = (
  container: string,
  command: readonly string[],
  options: ExecOptions,
) => Promise<ExecStream>;

/** Starts a command in the helper, which is made first if there is none. */
export type RunInHelper = (command: readonly string[], options: ExecOptions) => Promise<ExecStream>;

const TRY_MS = 30_000;

export function execInContainer({
  host,
  cri,
  connections,
  clock,
}: {
  readonly host: string;
  readonly cri: Pick<CriClient, 'exec'>;
  readonly connections: Pick<TlsConnections, 'toStream'>;
  readonly clock: Pick<Clock, 'after' | 'monotonic'>;
}): ExecInContainer {
  return async (container, command, { signal, watched = false }) => {
    const { url: given } = await cri.exec(
      { container_id: container, cmd: [...command], tty: false, stdin: true, stdout: true, stderr: true },
      { signal },
    );
    const url = new URL(given);
    const socket = await connections.toStream(url, { signal });
    return openExecStream({ host, url, socket, clock, watched }, { signal });
  };
}

/** A command that the helper does not take is tried once more if another helper is found or made for it. */
export function runInHelper(
  helper: Pick<HelperPod, 'container' | 'doubt'>,
  exec: ExecInContainer,
): RunInHelper {
  const run = async (
    container: string,
    command: readonly string[],
    options: ExecOptions,
  ): Promise<ExecStream> => {
    const stream = await exec(container, command, options);
    void stream.ended.then(({ ok }) => {
      if (!ok) helper.doubt(container);
    });
    return stream;
  };
  return async (command, options) => {
    const container = await helper.container(options);
    try {
      return await run(container, command, options);
    } catch (error) {
      options.signal.throwIfAborted();
      helper.doubt(container);
      const other = await helper.container(options);
      if (other === container) throw error;
      return run(other, command, options);
    }
  };
}

/** What it returns rejects with HostError if the host can't be stepped into by way of the container. */
export function helperTrial(host: string, exec: ExecInContainer): HelperPodOptions['try'] {
  return async (container, { signal }) => {
    const limit = limitSignal(TRY_MS, signal);
    const { stream, stderr, ended } = await exec(container, trialCommand, { signal: limit });
    const words = lastWords(stderr);
    stream.on('error', () => undefined).resume();
    const end = (): void => {
      stream.destroy();
    };
    limit.addEventListener('abort', end, { once: true });
    const { ok, text } = await ended;
    limit.removeEventListener('abort', end);
    end();
    signal.throwIfAborted();
    if (ok) return;
    const said = words();
    const why = said.includes('lacks') ? said.split('\n')[0] : said.trim() || text;
    throw new HostError(
      'unavailable',
      host,
      `${host}: a command could not be run on the host by way of it: ${why ?? text}; its image needs what busybox has (sh, nsenter, nc, dd, awk, readlink, sleep), and the host needs a shell`,
    );
  };
}
