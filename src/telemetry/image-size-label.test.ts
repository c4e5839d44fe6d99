import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { imageSizeLabel } from './image-size-label.ts';

describe('the range of an image size', () => {
  const rows = [
    [0, 'N/A'],
    [1, '0-10MB'],
    [10 * 1024 ** 2, '0-10MB'],
    [10 * 1024 ** 2 + 1, '10MB-100MB'],
    [700 * 1024 ** 2, '500MB-1GB'],
    [50 * 1024 ** 3, '40GB-60GB'],
    [101 * 1024 ** 3, 'GT100GB'],
  ] as const;
  for (const [bytes, label] of rows)
    it(`${bytes} bytes: ${label}`, () => {
      assert.equal(imageSizeLabel(bytes), label);
    });
});
