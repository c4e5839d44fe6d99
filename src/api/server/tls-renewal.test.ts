import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { writeFileSync } from 'node:fs';
import { admin, otherCa, plain, stranger, type TestPair } from '../../testing/certificates.ts';
import { FakeClock } from '../../testing/fixtures.ts';
import { bearer, EXEC, kubelet, streamer, switching } from '../../testing/kubelets.ts';
import { spdy } from '../../testing/kubelet-server.ts';

describe('new TLS files', () => {
  it('are taken over without losing a stream; half a pair, or no certificate, is waited out', async () => {
    const clock = new FakeClock(Date.now());
    const { stream, dials } = await streamer((socket) => socket.write(switching));
    const server = await kubelet({ backend: { stream }, tls: { clock } });
    const peer = async (as?: TestPair) => (await server.connect(as)).socket.getPeerCertificate().subject.CN;
    const live = await server.connect();
    live.ask(EXEC, [...bearer, ...spdy]);
    await live.until('101');
    const kept = await server.connect(admin);
    kept.ask('GET /configz');
    await kept.until('{}');
    assert.equal(await peer(), 'serving');
    // its key is still the old one
    writeFileSync(`${server.folder}/tls.crt`, plain.cert);
    await look(clock);
    assert.equal(await peer(), 'serving');
    writeFileSync(`${server.folder}/tls.key`, plain.key);
    writeFileSync(`${server.folder}/ca.crt`, otherCa);
    await look(clock);
    while ((await peer()) !== 'plain') await new Promise(setImmediate);
    await kept.until();
    const seen = await server.connect(stranger);
    seen.ask('GET /configz', ['Connection: close']);
    assert.match(await seen.until(), /^HTTP\/1\.1 200 /);
    const former = await server.connect(plain);
    former.ask('GET /configz', ['Connection: close']);
    assert.match(await former.until(), /^HTTP\/1\.1 401 /);
    writeFileSync(`${server.folder}/ca.crt`, 'nothing');
    await look(clock);
    const still = await server.connect(stranger);
    still.ask('GET /configz', ['Connection: close']);
    assert.match(await still.until(), /^HTTP\/1\.1 200 /);
    const [socket] = dials;
    assert.ok(socket !== undefined);
    let heard = '';
    const wholly = new Promise<void>((resolve) =>
      socket.on('data', (chunk: Buffer) => {
        heard += chunk.toString();
        if (heard.endsWith('on')) resolve();
      }),
    );
    live.write('on');
    await wholly;
  });
});

/** A look at the files, and time for what is read to come. */
async function look(clock: FakeClock): Promise<void> {
  await clock.advance(30_000);
  for (let turns = 0; turns < 20 || clock.timers === 0; turns += 1) await new Promise(setImmediate);
}
