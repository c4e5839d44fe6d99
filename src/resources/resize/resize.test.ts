import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeEvents } from '../../testing/fake-host.ts';
import { FakeClock, pod } from '../../testing/fixtures.ts';
import type {
  Container,
  ContainerStatus,
  Pod,
  PodCondition,
  ResourceRequirements,
} from '../../model/kube.ts';
import { allocatedPod, allocationOf, isGranted, recoveredAllocation } from './allocation.ts';
import { Allocations, type ResizeRefusal } from './allocations.ts';
import { ResizeConditions } from './resize-conditions.ts';
import { resizeMessage } from './resize-message.ts';

const of = (resources: ResourceRequirements, change: Parameters<typeof pod>[0] = {}): Pod =>
  pod({ ...change, spec: { containers: [{ name: 'c', image: 'i', resources }], ...change.spec } });
const told = (change: Partial<ContainerStatus>): Pod['status'] => ({
  phase: 'Running',
  containerStatuses: [{ name: 'c', image: '', imageID: '', ready: true, restartCount: 0, ...change }],
});
const cOf = (owner: Pod): ResourceRequirements | undefined => owner.spec.containers[0]?.resources;

describe('what a pod was granted', () => {
  it('takes the place of what it asks for', () => {
    const before = of({ requests: { cpu: '1' } });
    const after = of({ requests: { cpu: '2' } });
    assert.equal(isGranted(after, allocationOf(before)), false);
    assert.deepEqual(cOf(allocatedPod(after, allocationOf(before))), { requests: { cpu: '1' } });
    assert.equal(allocatedPod(before, allocationOf(before)), before);
  });

  it('is the same in other words', () => {
    assert.equal(
      isGranted(of({ requests: { cpu: '1000m' } }), allocationOf(of({ requests: { cpu: '1' } }))),
      true,
    );
  });

  it("is the pod's own as well", () => {
    const owner = (cpu: string): Pod => pod({ spec: { resources: { requests: { cpu } } } });
    const granted = allocatedPod(owner('2'), allocationOf(owner('1')));
    assert.deepEqual(granted.spec.resources, { requests: { cpu: '1' } });
  });

  it('counts init containers that end', () => {
    const init = (cpu: string): Container => ({ name: 'i', image: 'i', resources: { requests: { cpu } } });
    const owner = (cpu: string): Pod => pod({ spec: { initContainers: [init(cpu)] } });
    assert.equal(isGranted(owner('2'), allocationOf(owner('1'))), false);
  });
});

describe('what a pod had been granted before a restart', () => {
  const cases: [string, Pod, ResourceRequirements][] = [
    ['what it asks for, without a status', of({ requests: { cpu: '1' } }), { requests: { cpu: '1' } }],
    [
      'what its status says it has',
      of(
        { requests: { cpu: '2', memory: '1Gi' }, limits: { cpu: '4' } },
        {
          status: told({
            allocatedResources: { cpu: '1', memory: '1Gi' },
            resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '3' } },
          }),
        },
      ),
      { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '3' } },
    ],
    [
      'its own words where they say the same',
      of(
        { limits: { cpu: '0.5', memory: '1024Ki' } },
        { status: told({ resources: { limits: { cpu: '500m', memory: '1Mi' } } }) },
      ),
      { limits: { cpu: '0.5', memory: '1024Ki' } },
    ],
    [
      'other resources as they are',
      of(
        { requests: { cpu: '2', 'example.com/gpu': '1' } },
        { status: told({ allocatedResources: { cpu: '1', 'example.com/gpu': '1' } }) },
      ),
      { requests: { cpu: '1', 'example.com/gpu': '1' } },
    ],
  ];
  for (const [what, owner, expected] of cases)
    it(what, () => {
      assert.deepEqual(cOf(allocatedPod(owner, recoveredAllocation(owner))), expected);
    });
});

describe('messages on resizes', () => {
  it('are sorted as Go sorts them', () => {
    const owner = of({ requests: { memory: '1', cpu: '1' }, limits: {} });
    assert.equal(
      resizeMessage(owner, { what: 'Deferred', generation: 3, error: 'a < b' }),
      'Pod resize Deferred: {"containers":[{"name":"c","resources":{"requests":{"cpu":"1","memory":"1"}}}],"generation":3,"error":"a \\u003c b"}',
    );
  });
  it('name init containers too', () => {
    const owner = pod({ spec: { initContainers: [{ name: 'i', image: 'i' }] } });
    assert.equal(
      resizeMessage(owner, { what: 'started', generation: 1 }),
      'Pod resize started: {"initContainers":[{"name":"i","resources":{}}],"containers":[{"name":"c","resources":{}}],"generation":1}',
    );
  });
});

describe('conditions of a resize', () => {
  const shown = ({ type, reason = '', message = '', observedGeneration = 0 }: PodCondition): string =>
    `${type} ${reason} ${message} ${observedGeneration}`;

  it('tell once, and keep their time while the reason stays', async () => {
    const clock = new FakeClock();
    const conditions = new ResizeConditions({ clock });
    const why = { reason: 'OutOfcpu', message: 'no room', generation: 2 };
    assert.equal(conditions.setPending('a', why), true);
    const [first] = conditions.list('a');
    await clock.advance(5_000);
    assert.equal(conditions.setPending('a', { ...why, message: 'less room' }), false);
    const [second] = conditions.list('a');
    assert.equal(second?.lastTransitionTime, first?.lastTransitionTime);
    assert.notEqual(second?.lastProbeTime, first?.lastProbeTime);
    assert.equal(shown(second ?? first ?? { type: '', status: '' }), 'PodResizePending Deferred less room 2');
    assert.equal(conditions.setPending('a', { ...why, reason: 'Infeasible' }), true);
  });

  it('in progress keeps its generation and its error', () => {
    const conditions = new ResizeConditions({ clock: new FakeClock() });
    conditions.setInProgress('a', { generation: 2 });
    assert.deepEqual(conditions.setInProgress('a', { reason: 'Error', message: 'e', generation: 3 }), {
      changed: true,
      generation: 2,
    });
    assert.equal(conditions.setInProgress('a', { generation: 3 }).changed, false);
    assert.deepEqual(conditions.list('a').map(shown), ['PodResizeInProgress Error e 2']);
    assert.equal(conditions.clearInProgress('a'), 2);
    assert.deepEqual(conditions.list('a'), []);
  });

  it('come back from the status', () => {
    const conditions = new ResizeConditions({ clock: new FakeClock() });
    const condition = {
      type: 'PodResizePending',
      status: 'True',
      reason: 'Deferred',
      message: 'm',
      observedGeneration: 4,
      lastProbeTime: '2026-01-01T00:00:00Z',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    conditions.adopt(pod({ status: { conditions: [condition] } }));
    assert.deepEqual(conditions.list('uid-web'), [condition]);
  });
});

describe('resizes that wait', () => {
  function bench(refuse: (owner: Pod) => ResizeRefusal | undefined = () => undefined) {
    const events = new FakeEvents();
    const conditions = new ResizeConditions({ clock: new FakeClock() });
    const asked: string[] = [];
    const allocations = new Allocations({
      conditions,
      events,
      mayResize: (owner) => {
        asked.push(owner.metadata.name);
        return refuse(owner);
      },
    });
    return { events, conditions, asked, allocations };
  }
  const named = (name: string, cpu: string, change: Parameters<typeof pod>[0] = {}): Pod =>
    of(
      { requests: { cpu } },
      { ...change, metadata: { name, uid: name, generation: 1, ...change.metadata } },
    );
  const reasons = (events: FakeEvents): string[] => events.seen.map((each) => each.split(':')[0] ?? '');

  it('are granted where nothing is in the way', () => {
    const { allocations, events, conditions } = bench();
    allocations.admit(named('a', '1'));
    const wish = named('a', '2', { metadata: { generation: 2 } });
    allocations.offer(wish);
    assert.deepEqual(cOf(allocations.granted(wish)), { requests: { cpu: '1' } });
    assert.deepEqual(
      allocations.retry(() => wish),
      [wish],
    );
    assert.equal(allocations.granted(wish), wish);
    assert.deepEqual(reasons(events), ['Normal ResizeStarted']);
    assert.equal(conditions.inProgressGeneration('a'), 2);
    assert.equal(allocations.hasPending, false);
  });

  it('wait while there is no room, told once', () => {
    let room = false;
    const { allocations, events } = bench(() => (room ? undefined : { reason: 'OutOfcpu', message: 'full' }));
    allocations.admit(named('a', '1'));
    const wish = named('a', '2', { metadata: { generation: 2 } });
    allocations.offer(wish);
    assert.equal(allocations.retry(() => wish).length, 1);
    assert.equal(allocations.retry(() => wish).length, 0);
    room = true;
    assert.equal(allocations.retry(() => wish).length, 1);
    assert.deepEqual(reasons(events), ['Warning ResizeDeferred', 'Normal ResizeStarted']);
  });

  it('that can never be are not asked about again', () => {
    const { allocations, events, asked } = bench(() => ({ reason: 'Infeasible', message: 'never' }));
    allocations.admit(named('a', '1'));
    const wish = named('a', '2');
    allocations.offer(wish);
    allocations.retry(() => wish);
    allocations.retry(() => wish);
    assert.equal(asked.length, 1);
    assert.deepEqual(reasons(events), ['Warning ResizeInfeasible']);
  });

  it('that are taken back leave nothing', () => {
    const { allocations, conditions } = bench(() => ({ reason: 'OutOfcpu', message: 'full' }));
    allocations.admit(named('a', '1'));
    allocations.offer(named('a', '2'));
    allocations.retry(() => named('a', '2'));
    allocations.offer(named('a', '1'));
    assert.deepEqual(conditions.list('a'), []);
    assert.equal(allocations.hasPending, false);
  });

  it('come in order: less first, then by priority', () => {
    const { allocations, asked } = bench(() => ({ reason: 'x', message: '' }));
    const wishes = [named('low', '2'), named('high', '2', { spec: { priority: 10 } }), named('less', '500m')];
    for (const { metadata } of wishes) allocations.admit(named(metadata.name, '1'));
    for (const wish of wishes) allocations.offer(wish);
    allocations.retry((uid) => wishes.find(({ metadata }) => metadata.uid === uid));
    assert.deepEqual(asked, ['less', 'high', 'low']);
  });

  it('go on after a restart without a second start', () => {
    const { allocations, events, conditions } = bench();
    const wish = of(
      { requests: { cpu: '2' }, limits: { cpu: '4' } },
      {
        metadata: { generation: 2 },
        status: {
          ...told({
            allocatedResources: { cpu: '2' },
            resources: { requests: { cpu: '1' }, limits: { cpu: '3' } },
          }),
          conditions: [{ type: 'PodResizeInProgress', status: 'True', observedGeneration: 2 }],
        },
      },
    );
    allocations.admit(wish);
    assert.equal(allocations.hasPending, true);
    allocations.retry(() => wish);
    assert.deepEqual(events.seen, []);
    assert.equal(conditions.inProgressGeneration('uid-web'), 2);
  });
});
