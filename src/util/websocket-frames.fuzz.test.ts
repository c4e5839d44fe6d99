import assert from 'node:assert/strict';
import fc from 'fast-check';
import { damaged, fuzz, hostileBytes } from '../testing/fuzz.ts';
import { encodeFrame, FrameReader } from './websocket-frames.ts';

const mask = Buffer.from('37fa213d', 'hex');
const good = Buffer.concat([
  encodeFrame({ kind: 'text', data: Buffer.from('hello') }, mask),
  encodeFrame({ kind: 'ping', data: Buffer.alloc(0) }, mask),
  encodeFrame({ kind: 'binary', data: Buffer.alloc(70_000, 1) }, mask),
  encodeFrame({ kind: 'close', data: Buffer.from([3, 232]) }, mask),
]);
const cuts = fc.array(fc.nat({ max: 80_000 }), { maxLength: 8 });

function read(bytes: Buffer, at: readonly number[]): string {
  const reader = new FrameReader({ from: 'client' });
  const seen: string[] = [];
  const edges = [0, ...at.map((each) => Math.min(each, bytes.length)).sort((a, b) => a - b), bytes.length];
  try {
    for (const [index, edge] of edges.slice(1).entries())
      for (const { kind, data } of reader.take(bytes.subarray(edges[index], edge)))
        seen.push(`${kind} ${data.toString('base64')}`);
  } catch (error) {
    assert.ok(error instanceof Error && !(error instanceof TypeError) && !(error instanceof RangeError));
    seen.push('refused');
  }
  return seen.join('\n');
}

fuzz(
  'websocket frames: the same however they are cut',
  fc.record({ bytes: fc.oneof(hostileBytes(), damaged(good)), at: cuts }),
  ({ bytes, at }) => {
    const whole = read(bytes, []);
    const cut = read(bytes, at);
    // a refusal tells nothing of what came with it
    if (whole.endsWith('refused')) assert.ok(cut.endsWith('refused'));
    else assert.equal(cut, whole);
  },
);
