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

  it('have a name of their own where the object’s is too long or none for an event', () => {
    for (const name of ['x'.repeat(237), 'Upper', 'a_b']) {
      const write = setUp()({ about: { ...about, name } });
      assert.ok(write?.kind === 'create');
      assert.match(write.event.metadata.name ?? '', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      assert.equal(write.event.involvedObject.name, name);
    }
    const longest = setUp()({ about: { ...about, name: 'x'.repeat(236) } });
    assert.ok(longest?.kind === 'create');
    assert.match(longest.event.metadata.name ?? '', /^x{236}\.[0-9a-f]{16}$/);
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

  it('have their annotations, and so does the whole of one that comes again', () => {
    const next = setUp();
    const annotations = { starved_resource: 'memory' };
    const first = next({ annotations });
    assert.deepEqual(first?.event.metadata.annotations, annotations);
    const again = next({ annotations });
    assert.ok(again?.kind === 'repeat');
    assert.deepEqual(again.event.metadata.annotations, annotations);
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

  it('that differ in their message only are one from the tenth on, which tells the newest message', () => {
    const next = setUp();
    const told = Array.from({ length: 9 }, (_, index) => next({ message: `m${index}` })?.event.message);
    assert.equal(told[8], 'm8');
    const tenth = next({ message: 'm9', annotations: { of: 'm9' } });
    const eleventh = next({ message: 'm10', about: { ...about, fieldPath: 'spec.containers{c}' } }, 1_000);
    assert.ok(tenth?.kind === 'create' && eleventh?.kind === 'repeat');
    // client-go's EventAggregate keeps none of an event that stands for several
    assert.equal(tenth.event.metadata.annotations, undefined);
    assert.equal(tenth.event.message, '(combined from similar events): m9');
    assert.equal(eleventh.name, tenth.event.metadata.name);
    assert.equal(eleventh.event.message, '(combined from similar events): m10');
    assert.equal(eleventh.event.count, 2);
    const known = next({ message: 'm3' }, 2_000);
    assert.ok(known?.kind === 'repeat');
    assert.equal(known.event.message, 'm3');
  });

  it('that differ in their message only are told apart again after ten minutes without any', () => {
    const next = setUp();
    for (let index = 0; index < 12; index += 1) next({ message: `m${index}` });
    assert.equal(next({ message: 'm12' }, 600_000)?.event.message, '(combined from similar events): m12');
    assert.equal(next({ message: 'm13' }, 1_200_001)?.event.message, 'm13');
  });

  it('that are too many are counted', () => {
    const next = setUp();
    for (let index = 0; index < 30; index += 1) next();
    assert.equal(next({}, 300_000)?.event.count, 31);
  });

  it('of one object and type are 25, and then one in five minutes', () => {
    const next = setUp();
    const sent = Array.from({ length: 30 }, (_, index) => next({ reason: `R${index}` }));
    assert.equal(sent.filter((write) => write !== undefined).length, 25);
    assert.notEqual(next({}, 300_000), undefined);
    assert.equal(next({}, 300_001), undefined);
    assert.notEqual(next({ type: 'Warning' }), undefined);
    assert.notEqual(next({ about: { ...about, uid: 'v' } }), undefined);
  });
});
