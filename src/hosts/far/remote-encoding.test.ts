import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { kindOfText } from '../link/errno.ts';
import { encodeArgument, encodeRequest, parseAnswer } from './remote-encoding.ts';
import { parseWatched } from './remote-queries.ts';

const decode = 'IFS=" "; set -f; set -- $1; for A; do A=$(printf "%bx" "$A"); printf "%s\\0" "${A%x}"; done';

function decoded(words: readonly string[]): string[] {
  const out = execFileSync('sh', ['-c', decode, 'sh', words.join(' ')], {
    env: { LC_ALL: 'C', PATH: process.env.PATH },
  });
  return out.toString().split('\0').slice(0, -1);
}

describe('arguments for a far host', () => {
  it('are words that mean nothing to a shell, and come out as they went in', () => {
    const text = fc.string({ unit: 'binary' }).filter((each) => !each.includes('\0') && each.isWellFormed());
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 20 }), (values) => {
        const words = values.map(encodeArgument);
        for (const word of words) assert.match(word, /^[A-Za-z0-9._/:@%+,=~\\]+$/);
        assert.deepEqual(decoded(words), values);
      }),
      { numRuns: 10 },
    );
  });

  it('tell nothing from the empty word', () => {
    assert.equal(encodeArgument(undefined), '-');
    assert.equal(encodeArgument('-'), '\\0055');
    assert.equal(encodeArgument(''), '\\c');
    assert.equal(encodeArgument(0), '0');
    // the host starts a process for each word that has to be decoded
    const path = '/pods/8c5a-11ef/volumes/kubernetes.io~secret/a_b.c';
    assert.equal(encodeArgument(path), path);
  });

  it('go as lines with the key, data behind its line', () => {
    const steps = [
      { verb: 'create', args: ['/a b'] },
      { verb: 'append', args: ['/x'], data: Buffer.from('\n\0') },
    ];
    const text = Buffer.concat(encodeRequest('KEY', 7, steps)).toString();
    assert.equal(text, 'KEY create 0 /a\\0040b\nKEY append 2 /x\n\n\0KEY end 7\n');
  });
});

describe('answers of a far host', () => {
  const none = Buffer.alloc(0);
  const rows: [string, object][] = [
    ['ok ', { ok: true, payload: none, more: '' }],
    ['ok 12 34', { ok: true, payload: none, more: '12 34' }],
    [
      "error 3 - mkdir: cannot create directory '/x': Read-only file system",
      {
        ok: false,
        step: 3,
        kind: 'forbidden',
        text: "mkdir: cannot create directory '/x': Read-only file system",
      },
    ],
    ['error 0 conflict /m still mounted', { ok: false, step: 0, kind: 'conflict', text: '/m still mounted' }],
  ];
  for (const [status, expect] of rows)
    it(`reads ${JSON.stringify(status)}`, () => {
      assert.deepEqual(parseAnswer(status, none), expect);
    });

  for (const [text, kind] of [
    ['sh: 1: cannot create /x/y: Directory nonexistent', 'not-found'],
    ["dd: error writing 'standard output': No space left on device", 'resource-exhausted'],
    ['mv: bad: File exists', 'already-exists'],
    ['chmod: x: Operation not permitted', 'forbidden'],
    ['rm: x: Device or resource busy', 'conflict'],
  ])
    it(`takes ${text ?? ''} as ${kind ?? ''}`, () => {
      assert.equal(kindOfText(text ?? ''), kind);
    });
});

describe('the answer to a watch', () => {
  const payload = Buffer.from('print one\0\0' + '7 8\n3\na\n\0' + 'gone\n0\n', 'latin1');
  it('has the print of each folder and what each file gained', () => {
    assert.deepEqual(parseWatched(payload, { folders: 2, files: 2 }), {
      prints: ['print one', ''],
      grown: [
        { named: '7 8', bytes: Buffer.from('a\n\0') },
        { named: 'gone', bytes: Buffer.alloc(0) },
      ],
    });
  });
  it('is refused where it is not whole', () => {
    for (const length of [5, 10, 13, 16, payload.length - 1])
      assert.throws(
        () => parseWatched(payload.subarray(0, length), { folders: 2, files: 2 }),
        /^Error: the answer to a watch is not whole$/,
      );
  });
});
