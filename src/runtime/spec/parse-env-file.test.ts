import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseEnvFile } from './parse-env-file.ts';

describe('files of variables', () => {
  const cases: [string, string, string | undefined][] = [
    ['a value', "A='b'", 'b'],
    ['after others', "# c\n\n  B='x'\nA='b' # c\n", 'b'],
    ['over lines', "B='1\n2'\nA='b\n c'", 'b\n c'],
    ['what is not expanded', 'A=\'$B \\n "x"\'', '$B \\n "x"'],
    ['none of that name', "B='b'", undefined],
    ['an empty one', "A=''", undefined],
    ['a blank after =', "A= 'b'", undefined],
    ['Windows line ends', "A='b'\r\n", 'b'],
    ['the first of two', "A='b'\nA='c'", 'b'],
    ['found before a wrong line', "A='b'\nwrong", 'b'],
  ];
  for (const [what, text, expected] of cases)
    it(what, () => {
      assert.equal(parseEnvFile(text, 'A'), expected);
    });
  const faults: [string, string][] = [
    ['A', "line 1: missing '='"],
    ["\n='b'", 'line 2: empty variable name'],
    ["A ='b'", "line 1: whitespace before '=' is not allowed"],
    ['A=b', 'line 1: value must be enclosed in single quotes'],
    ["A='b'c", 'line 1: unexpected content after closing quote'],
    ["A='b\n", 'starting at line 1: unclosed single quote'],
  ];
  for (const [text, expected] of faults)
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseEnvFile(text, 'A'), {
        message: `invalid environment variable format ${expected.startsWith('line') ? 'at ' : ''}${expected}`,
      });
    });
});
