import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EventCorrelation, type EventInput } from './event-correlation.ts';

const NOW = 1_767_225_600_000;
const about = { kind: 'Pod', namespace: 'shop', name: 'web', uid: 'u' };

function setUp() {
  const correlation = new EventCorrelation({ component: 'kubelet', host: 'edge-1' });
  return (change: Partial<EventInput> = {}, ms = 0) =>
    correlation.next({ about, type: 'Normal', reason: 'Pulled', message: 'here', ...change }, NOW + ms);
}

describe('events', () => {
  it('are created with all that the API wants', () => {
    const write = setUp()();
    assert.ok(write?.kind === 'create');
    const { metadata, ...event } = write.event;
    assert.match(metadata.name ?? '', /^web\.[0-9a-f]{16}$/);
    assert.deepEqual(event, {
      apiVersion: 'v1',
      kind: 'Event',
      involvedObject: about,
      type: 'Normal',
      reason: 'Pulled',
      message: 'here',
      source: { component: 'kubelet', host: 'edge-1' },
      reportingComponent: 'kubelet',
      reportingInstance: 'edge-1',
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:00Z',
      count: 1,
    });
  });

  it('that come again are counted under the first one’s name', () => {
    const next = setUp();
    const first = next();
    next({}, 1_000);
    const third = next({}, 2_000);
    assert.ok(first?.kind === 'create' && third?.kind === 'repeat');
    assert.equal(third.name, first.event.metadata.name);
    assert.equal(third.namespace, 'shop');
    // whole, for when the first one has expired
    assert.deepEqual(third.event, { ...first.event, count: 3, lastTimestamp: '2026-01-01T00:00:02Z' });
  });

  const others: [string, Partial<EventInput>][] = [
    ['reason', { reason: 'Created' }],
    ['message', { message: 'there' }],
    ['type', { type: 'Warning' }],
    ['object', { about: { ...about, uid: 'v' } }],
    ['container', { about: { ...about, fieldPath: 'spec.containers{c}' } }],
  ];
  for (const [what, change] of others)
    it(`of another ${what} are others`, () => {
      const next = setUp();
      const first = next();
      const second = next(change);
      assert.ok(first?.kind === 'create' && second?.kind === 'create');
      assert.notEqual(first.event.metadata.name, second.event.metadata.name);
    });

  it('that differ in their message only are combined after ten in ten minutes', () => {
    const next = setUp();
    const told = Array.from({ length: 12 }, (_, index) => next({ message: `m${index}` })?.event.message);
    assert.equal(told[9], 'm9');
    assert.deepEqual(told.slice(10), [
      '(combined from similar events): m10',
      '(combined from similar events): m11',
    ]);
    assert.equal(next({ message: 'm3' })?.event.message, 'm3');
    assert.equal(next({ message: 'm12' }, 600_001)?.event.message, 'm12');
  });

  it('of one object are 25, and then one in five minutes', () => {
    const next = setUp();
    const sent = Array.from({ length: 30 }, (_, index) => next({ reason: `R${index}` }));
    assert.equal(sent.filter((write) => write !== undefined).length, 25);
    assert.notEqual(next({}, 300_000), undefined);
    assert.equal(next({}, 300_001), undefined);
    assert.notEqual(next({ about: { ...about, uid: 'v' } }), undefined);
  });
});
