import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { forwardedPorts, streamOptions } from './stream-options.ts';

const query = (text: string): URLSearchParams => new URLSearchParams(text);

describe('stream options', () => {
  it('a terminal takes stderr away', () => {
    assert.deepEqual(streamOptions(query('input=1&output=1&error=1&tty=1')), {
      stdin: true,
      stdout: true,
      stderr: false,
      tty: true,
    });
  });

  it('only 1 counts', () => {
    assert.deepEqual(streamOptions(query('input=true&output=1&error=0')), {
      stdin: false,
      stdout: true,
      stderr: false,
      tty: false,
    });
  });

  for (const text of ['', 'tty=1&error=1', 'input=true'])
    it(`nothing to stream: ${text}`, () => {
      assert.throws(() => streamOptions(query(text)), /you must specify at least 1 of stdin, stdout, stderr/);
    });

  it('ports, repeated or with commas', () => {
    assert.deepEqual(forwardedPorts(query('port=80&port=81,82')), [80, 81, 82]);
  });

  const bad: [string, RegExp][] = [
    ['', /is required/],
    ['port=', /cannot be empty/],
    ['port=x', /unable to parse "x"/],
    ['port=1,', /unable to parse "1,"/],
    ['port=65536', /unable to parse/],
    ['port=0', /must be > 0/],
  ];
  for (const [text, expect] of bad)
    it(`refuses ${text || 'no port'}`, () => {
      assert.throws(() => forwardedPorts(query(text)), expect);
    });
});
