import assert from 'node:assert/strict';
import { connect, createServer, type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { kubelet, nobody, servers, streamer, switching } from '../../testing/kubelets.ts';
import type { TestClient, TestServer } from '../../testing/kubelet-server.ts';
import { carriedBy, clientFrame, frameKinds } from '../../testing/web-socket-frames.ts';
import type { Backend } from '../server/backend.ts';
import { dataFrame, SpdyReader, synStream } from '../spdy/spdy-frames.ts';
import { HeaderPacker } from '../spdy/spdy-headers.ts';

const TUNNEL = 'SPDY/3.1+portforward.k8s.io';

/** A client of raw bytes: ws offers no protocol that is no HTTP token. */
async function handshake(server: TestServer): Promise<{ raw: TestClient; answer: string }> {
  const raw = await server.connect();
  raw.ask('GET /portForward/ns/p', [
    ...[
      'Authorization: Bearer good',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
    ],
    ...['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', `Sec-WebSocket-Protocol: ${TUNNEL}`],
  ]);
  return { raw, answer: await raw.until('\r\n\r\n') };
}

describe('port-forward in a tunnel', () => {
  it('is agreed upon by its name once the runtime has switched', async () => {
    let heard = '';
    const { stream } = await streamer((socket) =>
      socket.on('data', (chunk: Buffer) => {
        heard += chunk.toString('latin1');
        if (heard.endsWith('\r\n\r\n')) socket.write(switching);
      }),
    );
    let asked: boolean | undefined;
    const server = await kubelet({
      backend: {
        stream: (request, rest) => {
          asked = request.isWebSocket;
          return stream(request, rest);
        },
      },
    });
    const { answer } = await handshake(server);
    assert.match(answer, /^HTTP\/1\.1 101 /);
    assert.ok(answer.includes(`\r\nSec-WebSocket-Protocol: ${TUNNEL}\r\n`), answer);
    assert.match(heard, /^POST [^]*\r\nX-Stream-Protocol-Version: portforward\.k8s\.io\r\n/);
    assert.doesNotMatch(heard, /websocket/i);
    assert.equal(asked, false, 'its ports are named by its streams');
  });

  it('that the runtime refuses is refused as HTTP', async () => {
    const { stream } = await streamer((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone')),
    );
    const { answer } = await handshake(await kubelet({ backend: { stream } }));
    assert.match(answer, /^HTTP\/1\.1 404 /);
  });

  it('to a pod that farlet forwards itself carries its streams', async () => {
    const echo = createServer((socket) => socket.pipe(socket));
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    servers.push(echo);
    const { port } = echo.address() as AddressInfo;
    const stream: Backend['stream'] = () =>
      Promise.resolve({
        by: 'farlet',
        target: { pod: 'p', open: (to) => Promise.resolve(connect(to, '127.0.0.1')) },
      });
    const server = await kubelet({ backend: { stream } });
    const { raw, answer } = await handshake(server);
    const send = (bytes: Buffer): void => {
      raw.write(clientFrame(frameKinds.binary, bytes));
    };
    const packer = new HeaderPacker();
    const named = { port: String(port), requestid: '0' };
    send(synStream(1, packer.pack({ ...named, streamtype: 'error' })));
    send(synStream(3, packer.pack({ ...named, streamtype: 'data' })));
    send(dataFrame(3, Buffer.from('through and back'), { fin: true }));
    // bytes of every layer are as they were; the last frame ends the stream of errors
    await raw.until(dataFrame(1, Buffer.alloc(0), { fin: true }).toString('latin1'));
    const messages = carriedBy(raw.received.subarray(answer.length));
    const spdy = new SpdyReader().take(Buffer.concat(messages));
    const data = spdy.flatMap((frame) => (frame.kind === 'data' && frame.stream === 3 ? [frame.data] : []));
    assert.equal(Buffer.concat(data).toString(), 'through and back');
    raw.socket.destroy();
    await nobody(server);
  });
});
