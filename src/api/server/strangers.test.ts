import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../testing/fixtures.ts';
import { bearer, kubelet } from '../../testing/kubelets.ts';
import { Strangers } from './strangers.ts';

class Peer {
  isEnded = false;
  bytesRead: number;
  constructor(bytesRead: number) {
    this.bytesRead = bytesRead;
  }
  destroy(): never {
    this.isEnded = true;
    return undefined as never;
  }
}

function among(clock: FakeClock, ...sent: number[]): { strangers: Strangers; peers: Peer[] } {
  const strangers = new Strangers({ clock, maxBytes: 100 });
  const peers = sent.map((bytes) => new Peer(bytes));
  for (const peer of peers) strangers.add(peer);
  return { strangers, peers };
}

describe('what strangers may have sent', () => {
  it('too much together ends those that have sent the most, and no more of them', async () => {
    const clock = new FakeClock();
    const { peers } = among(clock, 20, 70, 30, 60);
    await clock.advance(100);
    assert.deepEqual(
      peers.map(({ isEnded }) => isEnded),
      [false, true, false, true],
    );
    (peers[0] ?? new Peer(0)).bytesRead = 80;
    await clock.advance(100);
    assert.deepEqual(
      peers.map(({ isEnded }) => isEnded),
      [true, true, false, true],
    );
  });

  it('who is known or has gone counts no more, and nothing is looked at when all have', async () => {
    const clock = new FakeClock();
    const { strangers, peers } = among(clock, 60, 60);
    for (const peer of peers.slice(1)) strangers.delete(peer);
    await clock.advance(1_000);
    assert.equal(peers[0]?.isEnded, false);
    for (const peer of peers) strangers.delete(peer);
    assert.equal(clock.timers, 0);
  });

  it('long headers are taken of some, not of all who like, and of whom one knows', async () => {
    const clock = new FakeClock();
    const server = await kubelet({ server: { strangers: new Strangers({ clock, maxBytes: 1_500_000 }) } });
    const clients = [await server.connect(), await server.connect(), await server.connect()];
    const [known] = clients;
    known?.ask('GET /configz', bearer);
    await known?.until('{}');
    const header = `GET /configz HTTP/1.1\r\nHost: k\r\nA: ${'x'.repeat(1_000_000)}\r\n`;
    for (const client of clients) client.write(header);
    const count = (): number => server.connections;
    while (count() === 3) await clock.advance(100);
    assert.equal(count(), 2);
    for (const client of clients) client.write(`${bearer.join()}\r\nConnection: close\r\n\r\n`);
    const answers = await Promise.all(clients.map((client) => client.until()));
    assert.deepEqual(
      answers.map((answer) => answer.match(/HTTP\/1\.1 200 /g)?.length ?? 0).sort(),
      [0, 1, 2],
    );
    assert.match(answers[0] ?? '', /200 [^]*200 /);
  });
});
