import type { Duplex } from 'node:stream';

/** Carries bytes both ways until either closes or fails, and then ends both. */
export function joinStreams(one: Duplex, other: Duplex): void {
  const end = (): void => {
    one.destroy();
    other.destroy();
  };
  for (const each of [one, other]) each.on('error', end).once('close', end);
  one.pipe(other);
  other.pipe(one);
}
