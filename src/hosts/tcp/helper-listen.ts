/**
 * A port of the host, listened on by `nc` in the helper. A connection there is a process between its socket
 * and two pipes, which says its number on the output of the one that listens; farlet takes it by a process of
 * its own at the other ends of the pipes. What goes to it is framed as in helper-dial.ts.
 */
import type { Duplex } from 'node:stream';
import { HostError } from '../../model/errors.ts';
import { orAbort, withDeadline } from '../../util/abort.ts';
import { lastWords } from '../link/last-words.ts';
import type { HostListener, ListenOptions } from '../link/link.ts';
import type { RunInHelper } from './helper-exec.ts';
import { feedScript, throughHelper } from './helper-dial.ts';

/** Connections that wait or go on; those beyond are closed. */
const MAX_CONNECTIONS = 64;

/**
 * Not cat: busybox's does sendfile, and the kernel holds a pipe's lock while it waits for more of a socket:
 * nobody can read what is in the pipe already.
 */
const copy = `dd bs=${String(64 * 1024)} 2>/dev/null`;

/** For each connection, which is its standard input and output; $1 is the folder. */
const connectionScript = `d=$1 n=$$
set -- "$d"/*.out
[ $# -lt ${String(MAX_CONNECTIONS)} ] || exit 0
trap 'rm -f "$d/$n.go" "$d/$n.in" "$d/$n.out"' EXIT
mkfifo -m 600 "$d/$n.go" "$d/$n.in" "$d/$n.out" || exit 1
echo $n >"$d/calls"
timeout 15 sh -c 'read -r x <"$1"' sh "$d/$n.go" || exit 0
exec 3<&0
${copy} <&3 >"$d/$n.in" &
up=$!
${copy} <"$d/$n.out"
kill $up 2>/dev/null`;

/**
 * $1 is the port, $2 the script for connections. One that was cut unseen still has the port: it is ended
 * first. When the caller goes, all connections end.
 */
const listenScript = `d=/tmp/farlet-port-$1
old=$(cat "$d/pid" 2>/dev/null) && case $(tr '\\0' ' ' </proc/"$old"/cmdline 2>/dev/null) in
*farlet-port*) kill "$old"; sleep 1 ;;
esac
rm -rf "$d"
mkdir -m 700 "$d" && mkfifo -m 600 "$d/calls" && echo $$ >"$d/pid" || exit 1
exec 3<&0 5<>"$d/calls" </dev/null
trap 'trap "" TERM; rm -rf "$d"; kill 0; exit 0' TERM
nc -ll -p "$1" -e sh -c "$2" sh "$d" 3<&- 5<&- &
nc=$!
sleep 0.2
kill -0 $nc 2>/dev/null || { rm -rf "$d"; exit 1; }
{ while read -r x <&3; do :; done; kill $$; } &
cat <&5 &
echo listening
wait $nc
kill $$`;

/** $1 is the folder and $2 the number of a connection. */
const takeScript = `exec 3<&0
trap 'exit 0' TERM
p=$1/$2
[ -p "$p.go" ] || exit 1
echo x >"$p.go"
${feedScript}
feed >"$p.out" &
${copy} <"$p.in"
trap 'exit 0' TERM
kill 0`;

export function listenCommand(port: number): string[] {
  return ['sh', '-c', listenScript, 'sh', String(port), connectionScript];
}

export function takeCommand(port: number, connection: string): string[] {
  return ['sh', '-c', takeScript, 'sh', `/tmp/farlet-port-${String(port)}`, connection];
}

export interface HelperListenOptions extends ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly run: RunInHelper;
}

const MAX_LINE = 64;
/** The helper may have to be started first. */
const LISTEN_MS = 60_000;

/** Rejects with HostError where nc can't listen. */
export async function listenInHelper(options: HelperListenOptions): Promise<HostListener> {
  const { host, signal } = options;
  const life = new AbortController();
  const listener = await withDeadline(signal, LISTEN_MS, `${host}: the helper, to listen`, (limit) =>
    listen({ ...options, signal: limit, life: life.signal }),
  );
  void listener.ended.then(() => {
    life.abort(new HostError('unavailable', host, `${host}: the helper listens no more`));
  });
  return listener;
}

interface LiveOptions extends HelperListenOptions {
  /** until the listener is closed */
  readonly life: AbortSignal;
}

async function listen(options: LiveOptions): Promise<HostListener> {
  const { host, port, run, signal } = options;
  const exec = await run(listenCommand(port), { signal, watched: true });
  const { stream } = exec;
  const end = (): void => {
    stream.destroy();
  };
  stream.on('error', () => undefined);
  const listening = Promise.withResolvers<undefined>();
  onLines(stream, (line) => {
    if (line === 'listening') listening.resolve(undefined);
    else if (/^\d+$/.test(line)) void take(line, options);
  });
  const words = lastWords(exec.stderr);
  const ended = exec.ended.then(({ text }) => words().trim() || text);
  try {
    const failed = ended.then((why): never => {
      throw new HostError(
        'unavailable',
        host,
        `${host}: the helper does not listen on port ${String(port)}: ${why}`,
      );
    });
    await orAbort(Promise.race([listening.promise, failed]), signal);
  } catch (error) {
    end();
    throw error;
  }
  return {
    ended: ended.then((why) => `${host}: the helper listens no more: ${why}`),
    advice: 'something of the host may refuse it, as a firewall',
    close: end,
  };
}

/** One that can't be taken ends by itself. */
async function take(connection: string, { host, port, run, onConnection, life }: LiveOptions): Promise<void> {
  try {
    onConnection(throughHelper(await run(takeCommand(port, connection), { signal: life }), host));
  } catch {
    // the other end sees it closed
  }
}

function onLines(stream: Duplex, onLine: (line: string) => void): void {
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('latin1')).split('\n');
    rest = (lines.pop() ?? '').slice(0, MAX_LINE);
    for (const line of lines) onLine(line);
  });
}
