/**
 * A TCP connection that starts at the host: one `nc` in the helper for each. What goes to it is framed, so
 * that its end can be told while answers still come (the stream to a container can't be closed in one
 * direction): a line with a count of bytes, the bytes; 0 is the end. What comes back is as it is. "open" on
 * standard error says that it is connected.
 */
import { Duplex } from 'node:stream';
import { isIP } from 'node:net';
import { HostError } from '../../model/errors.ts';
import { limitSignal, orAbort } from '../../util/abort.ts';
import type { ExecStream } from './exec-stream.ts';
import type { RunInHelper } from './helper-exec.ts';
import { onTheWay } from '../link/dial-limits.ts';
import { TargetError, type DialTarget } from '../link/dial-target.ts';
import { onTheHost } from './helper-spec.ts';
import { lastWords } from '../link/last-words.ts';
import { hostPort, spokenError } from '../link/net-errors.ts';

/** Takes the frames on descriptor 3 apart. An end that was not told is that of the caller. */
export const feedScript = `feed() {
  while read -r n <&3; do
    [ "$n" != 0 ] || return 0
    dd bs="$n" count=1 iflag=fullblock 2>/dev/null <&3 || break
  done
  kill 0
}`;

/**
 * $1 is an address, or empty; $2 the port; $3 a name whose addresses the host itself looks up, which are
 * tried one after the other. nc gets nothing but an address, behind the end of its options.
 *
 * nc does not tell when it is connected, so its socket is looked up in the kernel's table until its state is
 * another than SYN_SENT (02); one that has ended, waited for or not, has no open files. When the caller goes,
 * everything of the session is killed.
 */
const script = `exec 3<&0
trap 'exit 0' TERM
a=$1
if [ -z "$a" ]; then
  a=$(${onTheHost(['sh', '-c', `'command -v getent >/dev/null || { echo "the host has no getent to look names up with" >&2; exit 3; }; getent ahosts "$1"'`, 'sh', '"$3"']).join(' ')} </dev/null)
  case $? in 0 | 2) ;; *) exit 3 ;; esac
  a=$(printf '%s\\n' "$a" | awk '$2 == "STREAM" && $1 ~ /^[0-9a-fA-F:.]+(%[0-9A-Za-z_.-]+)?$/ { print $1 }')
  [ -n "$a" ] || { echo "nc: no such host" >&2; exit 1; }
fi
${feedScript}
feed | {
  exec 4<&0 3<&- </dev/null
  lives() { [ -h /proc/$nc/fd/1 ]; }
  echo dial >&2
  for h in $a; do
    nc -- "$h" "$2" <&4 4<&- &
    nc=$!
    while lives; do
      s=
      for f in /proc/$nc/fd/*; do
        l=$(readlink "$f") && case $l in socket:*) s=\${l#socket:[}; s=\${s%]} ;; esac
      done
      [ -z "$s" ] || ! awk -v s="$s" '$10 == s && $4 != "02" { f = 1 } END { exit !f }' /proc/net/tcp /proc/net/tcp6 2>/dev/null || break
      sleep 0.02
    done
    o=; lives && { exec 4<&-; echo open >&2; o=1; }
    wait $nc
    c=$?
    [ -n "$o" ] || [ $c != 0 ] || { echo open >&2; o=1; }
    [ -z "$o" ] || break
  done
  trap 'exit 0' TERM
  kill 0
}
`;

/** Nothing of the target is ever part of the script. `target` is a checked one. */
export function dialCommand({ host, port }: DialTarget): string[] {
  const [address, name] = isIP(host) === 0 ? ['', host] : [host, ''];
  return ['sh', '-c', script, 'sh', address, String(port), name];
}

/** Longer than a kernel tries to connect, whose word it is that nobody answers. */
export const DIAL_MS = 150_000;
const PIECE_BYTES = 64 * 1024;

/** The bytes as nc's feeder takes them. Pure. */
export function feedFrames(data: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < data.length; at += PIECE_BYTES) {
    const piece = data.subarray(at, at + PIECE_BYTES);
    frames.push(Buffer.from(`${String(piece.length)}\n`), piece);
  }
  return frames;
}

/**
 * A connection from the host to a checked target. Rejects with TargetError, HostError, or the signal's
 * reason; nothing then goes on at the host.
 */
export async function dialFromHelper(
  target: DialTarget,
  { host, run, signal }: { host: string; run: RunInHelper; signal: AbortSignal },
): Promise<Duplex> {
  const limit = limitSignal(DIAL_MS, signal);
  const way = { host, what: 'the helper pod', signal: limit };
  const exec = await onTheWay(way, () => run(dialCommand(target), { signal: limit }));
  return dialThrough(exec, { host, target, signal: limit });
}

/** Resolves once nc is connected. */
async function dialThrough(
  exec: ExecStream,
  { host, target, signal }: { host: string; target: DialTarget; signal: AbortSignal },
): Promise<Duplex> {
  const begun = { is: false };
  try {
    await orAbort(opened(exec, { host, target, begun }), signal);
  } catch (error) {
    exec.stream.destroy();
    if (!signal.aborted || begun.is) throw error;
    throw new HostError('unavailable', host, `${host}: the helper has not begun to dial yet`, {
      cause: error,
    });
  }
  return throughHelper(exec, host);
}

/**
 * The connection at whose end a process of the helper is that takes frames off its input (`feedScript`); it
 * fails when the way to the process is cut.
 */
export function throughHelper({ stream, ended }: ExecStream, host: string): Duplex {
  const socket = throughFeed(stream);
  socket.on('error', () => undefined);
  void ended.then(({ isCut, text }) => {
    if (isCut === true) socket.destroy(new HostError('unavailable', host, `${host}: the helper: ${text}`));
  });
  return socket;
}

/** What the script says tells how far it is: `dial`, then `open`, or what nc says. */
function opened(
  { stream, stderr, ended }: ExecStream,
  { host, target, begun }: { host: string; target: DialTarget; begun: { is: boolean } },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const said = lastWords(stderr);
    stderr.on('data', () => {
      begun.is ||= /^dial$/m.test(said());
      if (/^open$/m.test(said())) resolve();
    });
    stderr.once('end', () => {
      void ended.then(({ text }) => {
        reject(
          dialError(
            {
              said: said()
                .replace(/^dial$/gm, '')
                .trim(),
              text,
            },
            host,
            target,
          ),
        );
      });
    });
    stream.once('error', (error) => {
      reject(dialError({ said: '', text: error.message }, host, target));
    });
  });
}

/**
 * What nc says is of the target: of several addresses the first, as a kubelet tells it. Anything else is of
 * the way there.
 */
function dialError(
  { said, text }: { said: string; text: string },
  host: string,
  target: DialTarget,
): HostError {
  const word = /^nc: (?:can't connect to remote host[^:]*: )?(.*)$/m.exec(said)?.[1];
  const what = word ?? (said === '' ? text : (said.split('\n')[0] ?? said));
  const Kind = word === undefined ? HostError : TargetError;
  return new Kind('unavailable', host, `${host}: dial ${hostPort(target.host, target.port)}: ${what}`, {
    cause: spokenError(what),
  });
}

/** The connection's two directions over the stream of the process. */
function throughFeed(inner: Duplex): Duplex {
  const outer = new Duplex({
    read: () => {
      inner.resume();
    },
    write: (chunk: Buffer, _, done) => {
      const frames = feedFrames(chunk);
      frames.forEach((frame, index) => {
        if (index === frames.length - 1) inner.write(frame, done);
        else inner.write(frame);
      });
      if (frames.length === 0) done();
    },
    final: (done) => {
      if (inner.writable) inner.write('0\n', done);
      else done();
    },
    destroy: (error, done) => {
      inner.destroy();
      done(error);
    },
  });
  inner.on('data', (chunk: Buffer) => {
    if (!outer.push(chunk)) inner.pause();
  });
  inner.once('end', () => {
    outer.push(null);
  });
  inner.once('error', (error) => {
    outer.destroy(error);
  });
  inner.once('close', () => {
    // what was read before is still handed out
    if (!outer.readableEnded) outer.push(null);
    outer.end();
  });
  return outer;
}
