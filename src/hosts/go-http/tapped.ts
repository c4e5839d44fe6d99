/**
 * A connection with a look at what comes over it before its reader has it: that reader alone does not tell
 * what it refused.
 */
import { Duplex } from 'node:stream';

export interface Tap {
  /** Looks at what has come; an error ends the connection before the reader sees it. */
  see(bytes: Buffer): Error | undefined;
  /** The other end has closed it; with an error if it broke. */
  over(error: Error | undefined): void;
}

/** Destroying it destroys what is below it. */
export function tapped(inner: Duplex, tap: Tap): Duplex {
  let isOver = false;
  const outer = new Duplex({
    read: () => {
      inner.resume();
    },
    write: (chunk: Buffer, _, done) => {
      if (inner.writable)
        inner.write(chunk, () => {
          done();
        });
      else done();
    },
    final: (done) => {
      if (inner.writable)
        inner.end(() => {
          done();
        });
      else done();
    },
    destroy: (error, done) => {
      inner.destroy();
      done(error);
    },
  });
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    tap.over(undefined);
    outer.push(null);
  };
  inner.on('data', (chunk: Buffer) => {
    if (isOver) return;
    const refused = tap.see(chunk);
    if (refused !== undefined) {
      isOver = true;
      outer.destroy(refused);
    } else if (!outer.push(chunk)) inner.pause();
  });
  inner.once('end', end).once('close', end);
  inner.on('error', (error) => {
    if (isOver) return;
    isOver = true;
    tap.over(error);
    outer.destroy(error);
  });
  if (inner.destroyed) end();
  return outer;
}
