import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import { HeldView } from './held-view.ts';

const named = (name: string, label = ''): Pod => pod({ metadata: { name, uid: name, labels: { label } } });

function setUp(): { view: HeldView; told: string[] } {
  const told: string[] = [];
  const view = new HeldView((each) => {
    const of = (one: Pod): string => `${one.metadata.name}${one.metadata.labels?.label ?? ''}`;
    told.push(`${each.type} ${each.type === 'reset' ? each.items.map(of).join() : of(each.object)}`);
  });
  return { view, told };
}

describe('a view that is held', () => {
  it('tells the newest state at once when released, and every change from then on', () => {
    const { view, told } = setUp();
    view.apply({ type: 'reset', items: [named('a'), named('b')] });
    view.apply({ type: 'upsert', object: named('a', '2') });
    view.apply({ type: 'upsert', object: named('c') });
    view.apply({ type: 'delete', object: named('b') });
    assert.deepEqual(told, []);
    view.release();
    view.apply({ type: 'delete', object: named('c') });
    assert.deepEqual(told, ['reset a2,c', 'delete c']);
  });

  it('released before its first list, it passes that on', () => {
    const { view, told } = setUp();
    view.release();
    assert.deepEqual(told, []);
    view.apply({ type: 'reset', items: [named('a')] });
    view.apply({ type: 'upsert', object: named('b') });
    assert.deepEqual(told, ['reset a', 'upsert b']);
  });
});

it('a view whose release is not taken is told whole with the next news', () => {
  const told: string[] = [];
  let fails = true;
  const view = new HeldView((each) => {
    if (fails) throw new Error('not now');
    told.push(
      `${each.type} ${each.type === 'reset' ? each.items.map(({ metadata }) => metadata.name).join() : ''}`,
    );
  });
  view.apply({ type: 'reset', items: [named('a'), named('b')] });
  assert.throws(() => {
    view.release();
  }, /not now/);
  fails = false;
  view.release();
  assert.deepEqual(told, ['reset a,b']);
});
