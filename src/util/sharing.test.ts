import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sharing } from './sharing.ts';

const parsed = (text: string): unknown => JSON.parse(text);

describe('what two views have in common', () => {
  const before = {
    spec: { name: 'a', list: [{ x: 1 }, { y: 2 }], nothing: null },
    status: { at: 'here', conditions: [{ type: 'Ready', status: 'False' }] },
  };
  const whole = JSON.stringify(before);

  it('is what was there before, where all is', () => {
    assert.equal(sharing(parsed(whole), before), before);
    const { spec, status } = before;
    assert.equal(sharing({ status: { conditions: status.conditions, at: 'here' }, spec }, before), before);
  });

  it('is shared by what differs, each part of it', () => {
    const next = parsed(whole.replace('False', 'True').replace('"y":2', '"y":3')) as typeof before;
    const shared = sharing(next, before);
    assert.deepEqual(shared, next);
    assert.notEqual(shared, before);
    assert.equal(shared.spec.list[0], before.spec.list[0]);
    assert.notEqual(shared.spec.list[1], before.spec.list[1]);
    assert.equal(sharing(parsed(whole.replace('here', 'there')) as typeof before, before).spec, before.spec);
  });

  it('is found where a list has it in another place, by type or name', () => {
    const [ready, done] = [
      { type: 'Ready', status: 'True', lastProbeTime: null },
      { type: 'Done', status: 'False' },
    ];
    const next = [
      { type: 'Done', status: 'False', reason: null },
      { type: 'Ready', status: 'True' },
    ];
    const shared = sharing<unknown[]>(next, [ready, done]);
    assert.deepEqual(shared, [done, ready]);
    assert.equal(shared[0], done);
    assert.equal(shared[1], ready);
  });

  it('is the value itself where nothing of it is shared', () => {
    const value = { a: [{ b: 1 }], c: { d: 'e' } };
    assert.equal(sharing(value, { a: [{ b: 2 }], c: { d: 'f' } }), value);
    assert.equal(sharing(value, undefined), value);
  });

  const rows: { name: string; value: string; before: unknown }[] = [
    { name: 'a list that grew', value: '[1,2,3]', before: [1, 2] },
    { name: 'a list that shrank', value: '[1]', before: [1, 2] },
    { name: 'a list in another order', value: '[2,1]', before: [1, 2] },
    { name: 'an object that lost a key', value: '{"a":1}', before: { a: 1, b: 2 } },
    { name: 'another key of nothing', value: '{"a":1}', before: { b: undefined } },
    { name: 'an object for a list', value: '{"0":1}', before: [1] },
    { name: 'a list for an object', value: '[1]', before: { 0: 1 } },
    { name: 'nothing for an object', value: 'null', before: { a: 1 } },
    { name: 'an object for nothing', value: '{"a":1}', before: undefined },
    { name: 'a text for a number', value: '"1"', before: 1 },
    { name: 'keys that every object has', value: '{"constructor":{},"toString":{}}', before: { a: 1, b: 2 } },
    { name: 'a key named __proto__', value: '{"__proto__":{"a":1},"b":2}', before: { b: 2, c: 3 } },
  ];
  for (const { name, value, before: other } of rows)
    it(`says what the newer one says: ${name}`, () => {
      const shared = sharing(parsed(value), other);
      assert.equal(JSON.stringify(shared), JSON.stringify(parsed(value)));
      assert.notEqual(shared, other);
    });

  it('changes neither', () => {
    const next = parsed(whole.replace('False', 'True'));
    const [text, former] = [JSON.stringify(next), structuredClone(before)];
    sharing(next, before);
    assert.equal(JSON.stringify(next), text);
    assert.deepEqual(before, former);
  });
});
