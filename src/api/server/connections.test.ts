import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { Connections } from './connections.ts';

/** As much of a socket as counts here. */
class Peer extends EventEmitter {
  destroyed = false;
  readonly remoteAddress = '10.0.0.1';
  readonly remotePort: number;
  constructor(remotePort: number) {
    super();
    this.remotePort = remotePort;
  }
  destroy(): this {
    if (!this.destroyed) {
      this.destroyed = true;
      this.emit('close');
    }
    return this;
  }
}

function connected(connections: Connections, ...ports: number[]): Peer[] {
  return ports.map((port) => {
    const peer = new Peer(port);
    connections.add(peer as unknown as Socket);
    return peer;
  });
}

const gone = (peers: readonly Peer[]): number[] =>
  peers.filter(({ destroyed }) => destroyed).map(({ remotePort }) => remotePort);

describe('connections', () => {
  it('the oldest stranger makes room, whoever is known stays', () => {
    const connections = new Connections({ strangers: 2, all: 4 });
    const peers = connected(connections, 1, 2);
    connections.trust({ remoteAddress: '10.0.0.1', remotePort: 1 });
    peers.push(...connected(connections, 3, 4));
    assert.deepEqual(gone(peers), [2]);
    assert.equal(connections.size, 3);
  });

  it('who comes last is turned away only where all are known', () => {
    const connections = new Connections({ strangers: 3, all: 3 });
    const peers = connected(connections, 1, 2, 3);
    for (const remotePort of [1, 2]) connections.trust({ remoteAddress: '10.0.0.1', remotePort });
    peers.push(...connected(connections, 4));
    assert.deepEqual(gone(peers), [3]);
    connections.trust({ remoteAddress: '10.0.0.1', remotePort: 4 });
    peers.push(...connected(connections, 5));
    assert.deepEqual(gone(peers), [3, 5]);
    assert.equal(connections.size, 3);
  });

  it('forgets who has gone, and a port that is used again is somebody else’s', () => {
    const connections = new Connections({ strangers: 2, all: 2 });
    const [first] = connected(connections, 1);
    connections.trust({ remoteAddress: '10.0.0.1', remotePort: 1 });
    first?.destroy();
    assert.equal(connections.size, 0);
    const [again] = connected(connections, 1);
    const others = connected(connections, 2, 3);
    assert.equal(again?.destroyed, true, 'it was not trusted');
    assert.deepEqual(gone(others), []);
  });

  it('closing ends all, and whoever comes after', () => {
    const connections = new Connections();
    const peers = connected(connections, 1, 2);
    connections.trust({ remoteAddress: '10.0.0.1', remotePort: 1 });
    connections.closeAll();
    peers.push(...connected(connections, 3));
    assert.deepEqual(gone(peers), [1, 2, 3]);
    assert.equal(connections.size, 0);
  });
});
