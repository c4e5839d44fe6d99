import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { statusPatch } from './status-patch.ts';

const ready = (status: string): object => ({ type: 'Ready', status, lastProbeTime: null });

describe('status patch', () => {
  const rows: { name: string; from: object; to: object; expect: object | undefined }[] = [
    { name: 'nothing changed', from: { phase: 'Running' }, to: { phase: 'Running' }, expect: undefined },
    {
      name: 'null, undefined and absent are the same',
      from: { a: null },
      to: { a: undefined },
      expect: undefined,
    },
    { name: 'a scalar', from: { phase: 'Pending' }, to: { phase: 'Running' }, expect: { phase: 'Running' } },
    { name: 'a field that is gone', from: { reason: 'x' }, to: {}, expect: { reason: null } },
    {
      name: 'one condition of several',
      from: { conditions: [{ type: 'A', status: 'True' }, ready('False')] },
      to: { conditions: [{ type: 'A', status: 'True' }, ready('True')] },
      expect: {
        conditions: [{ type: 'Ready', status: 'True' }],
        '$setElementOrder/conditions': [{ type: 'A' }, { type: 'Ready' }],
      },
    },
    {
      name: 'a field of a condition that is gone',
      from: { conditions: [{ type: 'Ready', status: 'False', reason: 'X' }] },
      to: { conditions: [{ type: 'Ready', status: 'True' }] },
      expect: {
        conditions: [{ type: 'Ready', status: 'True', reason: null }],
        '$setElementOrder/conditions': [{ type: 'Ready' }],
      },
    },
    {
      name: 'a condition that is gone',
      from: { conditions: [{ type: 'A', status: 'True' }, ready('True')] },
      to: { conditions: [ready('True')] },
      expect: {
        conditions: [{ $patch: 'delete', type: 'A' }],
        '$setElementOrder/conditions': [{ type: 'Ready' }],
      },
    },
    {
      name: 'container statuses are replaced whole',
      from: { containerStatuses: [{ name: 'a', ready: false }, { name: 'b' }] },
      to: { containerStatuses: [{ name: 'a', ready: true }, { name: 'b' }] },
      expect: { containerStatuses: [{ name: 'a', ready: true }, { name: 'b' }] },
    },
    {
      name: 'addresses, of which several may be of a type, are replaced aloud',
      from: { addresses: [{ type: 'InternalIP', address: '1' }] },
      to: {
        addresses: [
          { type: 'InternalIP', address: '1' },
          { type: 'InternalIP', address: '::1' },
        ],
      },
      expect: {
        addresses: [
          { type: 'InternalIP', address: '1' },
          { type: 'InternalIP', address: '::1' },
          { $patch: 'replace' },
        ],
      },
    },
    {
      name: 'a nested field',
      from: { resources: { limits: { cpu: '1' } } },
      to: { resources: {} },
      expect: { resources: { limits: null } },
    },
    {
      name: 'keys that are names of what every object has',
      from: { capacity: { toString: '1' } },
      to: JSON.parse('{"capacity":{"constructor":"1","__proto__":"2"}}') as object,
      expect: JSON.parse('{"capacity":{"toString":null,"constructor":"1","__proto__":"2"}}') as object,
    },
    { name: 'a first list', from: {}, to: { podIPs: [{ ip: '1' }] }, expect: { podIPs: [{ ip: '1' }] } },
  ];
  for (const row of rows) {
    it(row.name, () => {
      assert.deepEqual(statusPatch(row.from, row.to), row.expect);
    });
  }

  /** Without what is null or undefined in an object, however deep. */
  const stripped = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(stripped);
    if (typeof value !== 'object' || value === null) return value;
    const there = Object.entries(value).filter(([, each]) => each !== null && each !== undefined);
    return Object.fromEntries(there.map(([key, each]) => [key, stripped(each)]));
  };
  // few keys and few values, so that many are alike
  const { tree: status } = fc.letrec<{ tree: object; value: unknown }>((tie) => ({
    tree: fc.dictionary(fc.constantFrom('a', 'b', 'toString', '__proto__'), tie('value'), { maxKeys: 3 }),
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom<unknown>(null, undefined, 0, 1, '', 'x', true),
      tie('tree'),
      fc.array(tie('value'), { maxLength: 2 }),
    ),
  }));

  it('is none exactly where both say the same', () => {
    let alike = 0;
    fc.assert(
      fc.property(status, status, (from, to) => {
        const same = isDeepStrictEqual(stripped(from), stripped(to));
        if (same) alike += 1;
        assert.equal(statusPatch(from, to) === undefined, same);
        assert.equal(statusPatch(from, structuredClone(stripped(from)) as object), undefined);
      }),
      { numRuns: 2_000, seed: 7 },
    );
    assert.ok(alike > 20, `${alike} pairs were alike`);
  });
});
