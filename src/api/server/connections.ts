/**
 * Who is connected: bounded, and closed as a whole, whatever has become of the connections (requests,
 * upgrades, handshakes).
 */
import type { Server, Socket } from 'node:net';
import type { Strangers } from './strangers.ts';

/**
 * Of those that have not shown who they are: a handshake and the first questions take a fraction of a second.
 */
export const MAX_STRANGERS = 512;
export const MAX_CONNECTIONS = 4_096;

type Peer = Pick<Socket, 'remoteAddress' | 'remotePort'>;

/**
 * A new connection always comes in: in the place of the oldest one that has not shown who it is, if there are
 * too many of those. So nobody without credentials can keep out those who have some. Only where all who are
 * there are known is it turned away.
 */
export class Connections {
  readonly #limits: { readonly strangers: number; readonly all: number };
  readonly #ofProcess: Pick<Strangers, 'add' | 'delete'> | undefined;
  readonly #strangers = new Map<string, Socket>();
  readonly #known = new Map<string, Socket>();
  #isClosed = false;

  /** `ofProcess`: those of all its listeners */
  constructor(
    limits = { strangers: MAX_STRANGERS, all: MAX_CONNECTIONS },
    ofProcess?: Pick<Strangers, 'add' | 'delete'>,
  ) {
    this.#limits = limits;
    this.#ofProcess = ofProcess;
  }

  get size(): number {
    return this.#strangers.size + this.#known.size;
  }

  /** Takes in all connections of the server from here on. */
  follow(server: Pick<Server, 'on'>): void {
    server.on('connection', (socket: Socket) => {
      this.add(socket);
    });
  }

  add(socket: Socket): void {
    const { strangers, all } = this.#limits;
    if (this.#isClosed) {
      socket.destroy();
      return;
    }
    if (this.#strangers.size >= strangers || this.size >= all) {
      const [oldest] = this.#strangers.values();
      (oldest ?? socket).destroy();
      if (oldest === undefined) return;
    }
    const key = keyOf(socket);
    this.#strangers.set(key, socket);
    this.#ofProcess?.add(socket);
    socket.once('close', () => {
      this.#ofProcess?.delete(socket);
      for (const group of [this.#strangers, this.#known]) if (group.get(key) === socket) group.delete(key);
    });
  }

  /**
   * Whoever is at the other end has shown who it is. `peer` may be the connection, or what is spoken through
   * it.
   */
  trust(peer: Peer): void {
    const key = keyOf(peer);
    const socket = this.#strangers.get(key);
    if (socket === undefined) return;
    this.#strangers.delete(key);
    this.#ofProcess?.delete(socket);
    this.#known.set(key, socket);
  }

  /** Ends all of them, and whatever is still let in from here on. */
  closeAll(): void {
    this.#isClosed = true;
    for (const group of [this.#strangers, this.#known]) for (const socket of group.values()) socket.destroy();
  }
}

/** No two connections of one listener have the same other end. */
function keyOf({ remoteAddress = '', remotePort = 0 }: Peer): string {
  return `${remoteAddress} ${String(remotePort)}`;
}
