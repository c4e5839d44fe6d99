import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { textOfBytes } from '../../model/go-string.ts';
import { representableRequest } from './representable-request.ts';

const call = { method: 'CreateContainer', host: 'h1' };
const bad = textOfBytes(Buffer.of(0xff));

describe('strings of requests', () => {
  it('lets plain requests pass as they are', () => {
    const request = { a: ['x', 'é😀'], b: { c: 1, d: Buffer.of(0xff), e: null }, f: undefined };
    assert.equal(representableRequest(request, call), request);
  });

  const wrong: [what: string, request: object][] = [
    ['a field', { id: bad }],
    ['an argument', { config: { args: ['x', bad] } }],
    ['a value of a map', { labels: { a: bad } }],
    ['a key of a map', { labels: { [bad]: 'a' } }],
  ];
  for (const [what, request] of wrong)
    it(`refuses bytes in ${what}`, () => {
      assert.throws(() => representableRequest(request, call), {
        kind: 'internal',
        code: 13,
        message:
          'rpc error: code = Internal desc = grpc: error while marshaling: string field contains invalid UTF-8',
      });
    });

  it('sends halves of a character that have met', () => {
    const [first, second] = [textOfBytes(Buffer.of(0xc3)), textOfBytes(Buffer.of(0xa9))];
    const value = Buffer.of(0xff);
    assert.deepEqual(representableRequest({ cmd: [first + second], envs: [{ key: 'A', value }] }, call), {
      cmd: ['é'],
      envs: [{ key: 'A', value }],
    });
  });
});
