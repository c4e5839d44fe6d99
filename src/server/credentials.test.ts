import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bearerToken } from './credentials.ts';

describe('bearer token', () => {
  const carried = `base64url.bearer.authorization.k8s.io.${Buffer.from('t').toString('base64url')}`;
  const rows: [string, Record<string, string>, string | undefined][] = [
    ['none', {}, undefined],
    ['a header', { authorization: 'Bearer t' }, 't'],
    ['a header in small letters', { authorization: 'bearer t' }, 't'],
    ['another scheme', { authorization: 'Basic t' }, undefined],
    ['no token', { authorization: 'Bearer ' }, undefined],
    [
      'a WebSocket subprotocol',
      { upgrade: 'websocket', 'sec-websocket-protocol': `v5.channel.k8s.io, ${carried}` },
      't',
    ],
    ['a subprotocol without WebSocket', { 'sec-websocket-protocol': carried }, undefined],
  ];
  for (const [name, headers, expect] of rows)
    it(name, () => {
      assert.equal(bearerToken({ headers }), expect);
    });
});
