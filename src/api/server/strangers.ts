/**
 * The connections of a process whose other end has not shown who it is, over all its listeners. Headers may
 * be as long as a kubelet takes them (a command to exec is part of them), so that a few hundred callers could
 * fill the memory of all nodes before anybody is asked who they are.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../../util/clock.ts';

/** A handshake and a usual request have 2 KiB; a request can't have more than 1 MiB. */
export const MAX_STRANGE_BYTES = 32 * 1024 * 1024;
/** What may still come meanwhile is what a core can decrypt. */
const LOOK_MS = 100;

type Peer = Pick<Socket, 'bytesRead' | 'destroy'>;

export class Strangers {
  readonly #clock: Pick<Clock, 'after'>;
  readonly #maxBytes: number;
  readonly #peers = new Set<Peer>();
  #cancel: (() => void) | undefined;

  /** `maxBytes`: what all of them together may have sent */
  constructor({ clock, maxBytes = MAX_STRANGE_BYTES }: { clock: Pick<Clock, 'after'>; maxBytes?: number }) {
    this.#clock = clock;
    this.#maxBytes = maxBytes;
  }

  add(peer: Peer): void {
    this.#peers.add(peer);
    this.#cancel ??= this.#clock.after(LOOK_MS, () => {
      this.#look();
    });
  }

  /** It has gone, or is known. */
  delete(peer: Peer): void {
    this.#peers.delete(peer);
    if (this.#peers.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Ends those that have sent the most, until the others together have not sent too much. */
  #look(): void {
    this.#cancel = this.#clock.after(LOOK_MS, () => {
      this.#look();
    });
    let all = 0;
    for (const { bytesRead } of this.#peers) all += bytesRead;
    if (all <= this.#maxBytes) return;
    for (const peer of [...this.#peers].sort((a, b) => b.bytesRead - a.bytesRead)) {
      if (all <= this.#maxBytes) return;
      all -= peer.bytesRead;
      this.delete(peer);
      peer.destroy();
    }
  }
}
