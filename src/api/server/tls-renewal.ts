import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';

/**
 * Takes new TLS options to the listeners without ending what is under way. Connections that were made under
 * former ones answer what they are asked at the moment and close, so that who may connect is decided again;
 * streams go on.
 */
export class TlsRenewal {
  readonly #listeners: Server[] = [];
  /** Those that were made under the options of now. */
  #current = new WeakSet<Socket>();

  add(listener: Server): void {
    this.#listeners.push(listener);
    listener.on('secureConnection', (socket) => this.#current.add(socket));
  }

  renew(options: TlsOptions): void {
    this.#current = new WeakSet();
    for (const listener of this.#listeners) {
      listener.setSecureContext(options);
      listener.closeIdleConnections();
    }
  }

  isFormer(socket: Socket): boolean {
    return !this.#current.has(socket);
  }
}
