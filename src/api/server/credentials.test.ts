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
    [
      'a subprotocol alone, without one to answer with',
      { upgrade: 'websocket', 'sec-websocket-protocol': carried },
      undefined,
    ],
    [
      'two of them',
      { upgrade: 'websocket', 'sec-websocket-protocol': `v5.channel.k8s.io,${carried},${carried}` },
      undefined,
    ],
    [
      'one that is no base64url',
      { upgrade: 'websocket', 'sec-websocket-protocol': `v5.channel.k8s.io,${carried}=` },
      undefined,
    ],
    [
      'one that is no UTF-8',
      {
        upgrade: 'websocket',
        'sec-websocket-protocol': `v5.channel.k8s.io,base64url.bearer.authorization.k8s.io._w`,
      },
      undefined,
    ],
    ['a subprotocol without WebSocket', { 'sec-websocket-protocol': carried }, undefined],
  ];
  for (const [name, headers, expect] of rows)
    it(name, () => {
      assert.equal(bearerToken({ headers }), expect);
    });
});
