import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { lastWords } from './last-words.ts';

describe('the last words of a program', () => {
  it('are all that it printed', () => {
    const output = new PassThrough();
    const words = lastWords(output);
    assert.equal(words(), '');
    output.emit('data', Buffer.from('sh: nc: '));
    output.emit('data', Buffer.from('not found\n'));
    assert.equal(words(), 'sh: nc: not found\n');
  });

  it('are the end of it, where it printed a lot', () => {
    const output = new PassThrough();
    const words = lastWords(output, 4);
    output.emit('data', Buffer.from('abc'));
    output.emit('data', Buffer.from('def'));
    assert.equal(words(), 'cdef');
  });
});
