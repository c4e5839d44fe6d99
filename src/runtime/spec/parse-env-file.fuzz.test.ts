import assert from 'node:assert/strict';
import { describe } from 'node:test';
import fc from 'fast-check';
import { FarletError } from '../../model/errors.ts';
import { textOfBytes } from '../../model/go-string.ts';
import { damaged, fuzz, hostileBytes } from '../../testing/fuzz.ts';
import { parseEnvFile } from './parse-env-file.ts';

const good = Buffer.from("# c\nA='b'\n\tB='two\nlines' # why\nC= 'empty'\nD='é💥'\n");

describe('files of variables', () => {
  fuzz(
    'an env file of any bytes',
    fc.tuple(fc.oneof(hostileBytes(), damaged(good)), fc.constantFrom('A', 'B', 'C', '__proto__', '')),
    ([bytes, key]) => {
      let value: string | undefined;
      try {
        value = parseEnvFile(textOfBytes(bytes), key);
      } catch (error) {
        assert.ok(error instanceof FarletError && error.kind === 'invalid', String(error));
        return;
      }
      // a value is never made up: it is what stands between two quotes
      if (value !== undefined)
        assert.ok(
          textOfBytes(bytes).replaceAll('\r\n', '\n').includes(`='${value}'`) || value.includes('\r'),
        );
    },
  );

  const names = fc.stringMatching(/^[A-Za-z_]{1,8}$/);
  const values = fc
    .string({ unit: 'binary', maxLength: 40 })
    .filter((text) => !/['\r]/.test(text) && text !== '');
  fuzz(
    'a variable that was written is read',
    fc.uniqueArray(fc.tuple(names, values), { minLength: 1, selector: ([name]) => name }),
    (all) => {
      const text = all.map(([name, value]) => `${name}='${value}'\n`).join('');
      for (const [name, value] of all) assert.equal(parseEnvFile(text, name), value);
    },
  );
});
