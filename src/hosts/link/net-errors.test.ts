import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dialError, spokenError } from './net-errors.ts';

describe('what programs at a host say of connections', () => {
  const rows: [string, string][] = [
    // sshd
    ['Connection refused', 'connect: connection refused'],
    ['No route to host', 'connect: no route to host'],
    // nc of busybox
    ["nc: can't connect to remote host (10.0.0.7): Connection refused", 'connect: connection refused'],
    ['nc: connect: Network is unreachable', 'connect: network is unreachable'],
    ['nc: timed out', 'i/o timeout'],
    ['administratively prohibited', 'administratively prohibited'],
  ];
  for (const [text, expect] of rows)
    it(text, () => {
      const cause = spokenError(text);
      assert.equal(cause.message, text);
      assert.equal(
        dialError('10.0.0.7:80', new Error('outer', { cause })).replace(/outer$/, text),
        `dial tcp 10.0.0.7:80: ${expect}`,
      );
    });
});
