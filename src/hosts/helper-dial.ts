/**
 * A TCP connection that starts at the host: one `nc` in the helper for each. What goes to it is framed, so that its end can
 * be told while answers still come (the stream to a container can't be closed in one direction): a line with a count of
 * bytes, the bytes; 0 is the end. What comes back is as it is. "open" on standard error says that it is connected.
 */
import { Duplex } from 'node:stream';
import { HostError } from '../model/errors.ts';
import { orAbort } from '../util/abort.ts';
import type { ExecStream } from './exec-stream.ts';
import type { DialTarget } from './link.ts';
import { spokenError } from './net-errors.ts';

/**
 * nc does not tell when it is connected, so its socket is looked up in the kernel's table until its state is another than
 * SYN_SENT (02); one that has ended, waited for or not, has no open files. When the caller goes, everything of the session is killed.
 */
const script = `exec 3<&0
trap 'exit 0' TERM
feed() {
  while read -r n <&3; do
    [ "$n" != 0 ] || return 0
    dd bs="$n" count=1 iflag=fullblock 2>/dev/null <&3 || break
  done
  kill 0
}
feed | {
  exec 4<&0
  nc "$1" "$2" <&4 4<&- 3<&- &
  nc=$!
  exec 3<&- 4<&- </dev/null
  lives() { [ -h /proc/$nc/fd/1 ]; }
  while lives; do
    s=
    for f in /proc/$nc/fd/*; do
      l=$(readlink "$f") && case $l in socket:*) s=\${l#socket:[}; s=\${s%]} ;; esac
    done
    [ -z "$s" ] || ! awk -v s="$s" '$10 == s && $4 != "02" { f = 1 } END { exit !f }' /proc/net/tcp /proc/net/tcp6 2>/dev/null || break
    sleep 0.02
  done
  o=; lives && { echo open >&2; o=1; }
  wait $nc
  c=$?
  [ -n "$o" ] || [ $c != 0 ] || echo open >&2
  trap 'exit 0' TERM
  kill 0
}
`;

/** Nothing of the target is ever part of the script. */
export function dialCommand({ host, port }: DialTarget): string[] {
  return ['sh', '-c', script, 'sh', host, String(port)];
}

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

/** Resolves once nc is connected. Rejects with HostError, or the signal's reason; nothing then goes on at the host. */
export async function dialThrough(
  exec: ExecStream,
  { host, target, signal }: { host: string; target: DialTarget; signal: AbortSignal },
): Promise<Duplex> {
  try {
    await orAbort(opened(exec, host, target), signal);
  } catch (error) {
    exec.stream.destroy();
    throw error;
  }
  return throughFeed(exec.stream);
}

function opened({ stream, stderr, ended }: ExecStream, host: string, target: DialTarget): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-1_000);
      if (/^open$/m.test(said)) resolve();
    });
    stderr.once('end', () => {
      void ended.then(({ text }) => {
        const words = said
          .trim()
          .replace(/^nc: (?:can't connect to remote host[^:]*: )?/m, '')
          .split('\n')[0];
        reject(dialError(words === undefined || words === '' ? text : words, host, target));
      });
    });
    stream.once('error', (error) => {
      reject(dialError(error.message, host, target));
    });
  });
}

function dialError(text: string, host: string, target: DialTarget): HostError {
  const cause = spokenError(text);
  return new HostError('unavailable', host, `${host}: dial ${target.host}:${String(target.port)}: ${text}`, {
    cause,
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
