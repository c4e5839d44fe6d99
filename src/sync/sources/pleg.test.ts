import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CriClient } from '../../hosts/cri/calls.ts';
import type { ContainerEventResponse__Output } from '../../hosts/cri/generated/runtime/v1/ContainerEventResponse.ts';
import { FarletError } from '../../model/errors.ts';
import { labels } from '../../model/labels.ts';
import type { PodLifecycleEvent } from '../../model/pod-update.ts';
import { RuntimeCache } from '../../runtime/observed/runtime-cache.ts';
import { criFault, FakeCri } from '../../testing/fake-host.ts';
import { FakeClock, quietLog, settle } from '../../testing/fixtures.ts';
import { Pleg } from './pleg.ts';
import { Beat } from '../../util/beat.ts';

const { signal } = new AbortController();

function labelsOf(uid: string): Record<string, string> {
  return {
    [labels.podUid]: uid,
    [labels.podName]: uid,
    [labels.podNamespace]: 'shop',
    [labels.containerName]: 'c',
  };
}

/** Two pods with one running container each; `faults` are thrown for the status of a container. */
function setUp(more: Partial<CriClient> = {}) {
  const faults = new Map<string, Error>();
  const uids = new Set(['a', 'b']);
  const listed = (request: { filter?: { label_selector?: Record<string, string> } }): string[] => {
    const uid = request.filter?.label_selector?.[labels.podUid];
    return [...uids].filter((each) => uid === undefined || each === uid);
  };
  const cri = new FakeCri({
    listPodSandbox: (request) => ({
      items: listed(request).map((uid) => ({
        id: `sandbox-${uid}`,
        state: 'SANDBOX_READY',
        labels: labelsOf(uid),
      })),
    }),
    listContainers: (request) => ({
      containers: listed(request).map((uid) => ({
        id: `container-${uid}`,
        pod_sandbox_id: `sandbox-${uid}`,
        state: 'CONTAINER_RUNNING',
        labels: labelsOf(uid),
      })),
    }),
    podSandboxStatus: ({ pod_sandbox_id: id }: { pod_sandbox_id: string }) => ({
      status: {
        id,
        metadata: { attempt: 0 },
        state: 'SANDBOX_READY',
        created_at: 1,
        network: { ip: '10.0.0.7', additional_ips: [] },
        linux: null,
        labels: labelsOf(id.replace('sandbox-', '')),
        annotations: {},
        runtime_handler: '',
      },
    }),
    containerStatus: ({ container_id: id }: { container_id: string }) => {
      const fault = faults.get(id);
      if (fault !== undefined) throw fault;
      return {
        status: {
          id,
          metadata: { name: 'c', attempt: 0 },
          state: 'CONTAINER_RUNNING',
          created_at: 1,
          started_at: 2,
          finished_at: 0,
          exit_code: 0,
          image: { image: 'busybox' },
          image_ref: 'sha256:aa',
          image_id: 'sha256:aa',
          reason: '',
          message: '',
          labels: labelsOf(id.replace('container-', '')),
          annotations: {},
          mounts: [],
          log_path: '',
          resources: null,
          user: null,
        },
      };
    },
  });
  const clock = new FakeClock();
  const cache = new RuntimeCache({ clock });
  const changes: PodLifecycleEvent[] = [];
  const intervals: number[] = [];
  const looks = { count: 0, streamsEnded: 0 };
  const pleg = new Pleg({
    cri: Object.assign(Object.create(cri.client) as CriClient, more),
    cache,
    beat: new Beat(clock, 0),
    clock,
    log: quietLog,
    owner: {},
    onSynced: () => undefined,
    onStreamEnd: () => (looks.streamsEnded += 1),
    observer: {
      interval: (seconds) => intervals.push(seconds),
      podRelisted: () => (looks.count += 1),
    },
  });
  pleg.onChanges((some) => changes.push(...some));
  const look = (uid: string) => pleg.refresh({ uid, name: uid, namespace: 'shop' }, { signal });
  return { pleg, cri, cache, clock, faults, uids, changes, intervals, looks, look };
}

/** What is pushed is read, until the end. */
class PushStream<T> {
  readonly #items: T[] = [];
  #wake = Promise.withResolvers<undefined>();
  #isOver = false;

  push(item: T): void {
    this.#items.push(item);
    this.#wake.resolve(undefined);
  }

  end(): void {
    this.#isOver = true;
    this.#wake.resolve(undefined);
  }

  async *read(): AsyncGenerator<T> {
    for (;;) {
      for (const item of this.#items.splice(0)) yield item;
      if (this.#isOver) return;
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }
}

describe('the PLEG', () => {
  it('marks the pod of a container that the runtime does not tell of, and takes the others', async () => {
    const { pleg, cache, clock, faults, uids, changes } = setUp();
    faults.set('container-a', criFault('it is broken'));
    const stop = new AbortController();
    const running = pleg.run(stop.signal).catch(() => undefined);
    await pleg.relisted();
    assert.match(cache.get('a')?.fault ?? '', /it is broken/);
    assert.deepEqual(cache.get('a')?.containers, []);
    assert.equal(cache.get('b')?.fault, undefined);
    assert.equal(cache.get('b')?.containers[0]?.state, 'running');
    assert.notEqual(pleg.health().silentMs, undefined);
    assert.ok(!changes.some(({ pod, kind }) => pod.uid === 'a' && kind === 'container-started'));
    faults.clear();
    await pleg.relisted();
    assert.equal(cache.get('a')?.fault, undefined);
    assert.equal(cache.get('a')?.containers[0]?.state, 'running');
    faults.set('container-a', criFault('it is broken'));
    uids.delete('a');
    await clock.advance(1_000);
    await pleg.relisted();
    assert.equal(cache.get('a'), undefined);
    stop.abort();
    await running;
  });

  it('tells how far apart lists began, and of each look at a pod', async () => {
    const { pleg, clock, faults, intervals, looks, look } = setUp();
    const stop = new AbortController();
    const running = pleg.run(stop.signal).catch(() => undefined);
    await settle();
    await clock.advance(1_000);
    await clock.advance(1_000);
    // however many lists there were within them
    assert.equal(
      intervals.reduce((sum, seconds) => sum + seconds, 0),
      2,
    );
    await look('a');
    faults.set('container-b', new FarletError('unavailable', 'no link'));
    await look('b').catch(() => undefined);
    assert.equal(looks.count, 2);
    stop.abort();
    await running;
  });

  it('lists as a safety net once a stream of events stays open, though nothing happens', async () => {
    const { pleg, clock, intervals } = setUp({
      async *getContainerEvents() {
        await new Promise(() => undefined);
      },
    });
    const stop = new AbortController();
    const running = pleg.run(stop.signal).catch(() => undefined);
    await clock.advance(5_000);
    const first = intervals.length;
    await clock.advance(30_000);
    assert.equal(intervals.length, first);
    await clock.advance(60_000);
    assert.ok(intervals.length > first);
    stop.abort();
    await Promise.race([running, settle()]);
  });

  it('lists every second where the stream of events ends at once, and again when an open one breaks', async () => {
    let opened = Promise.withResolvers<undefined>();
    const { pleg, clock, intervals, looks } = setUp({
      async *getContainerEvents() {
        await opened.promise;
      },
    });
    opened.resolve(undefined);
    const stop = new AbortController();
    const running = pleg.run(stop.signal).catch(() => undefined);
    await clock.advance(10_000);
    assert.ok(intervals.length >= 10, `${intervals.length} lists`);
    opened = Promise.withResolvers();
    await clock.advance(10_000);
    const before = intervals.length;
    await clock.advance(30_000);
    assert.ok(intervals.length <= before + 1);
    assert.equal(looks.streamsEnded, 0);
    opened.resolve(undefined);
    await clock.advance(3_000);
    assert.equal(looks.streamsEnded, 1);
    assert.ok(intervals.length >= before + 3);
    stop.abort();
    await Promise.race([running, settle()]);
  });

  it('looks again within a second at what a sync could not look at, though the runtime has events', async () => {
    const deleted = { container_event_type: 'CONTAINER_DELETED_EVENT', container_id: 'long gone' };
    const { pleg, cache, clock, faults, look } = setUp({
      async *getContainerEvents() {
        yield deleted as ContainerEventResponse__Output;
        await new Promise(() => undefined);
      },
    });
    const stop = new AbortController();
    const running = pleg.run(stop.signal).catch(() => undefined);
    await clock.advance(1_000);
    faults.set('container-a', criFault('it is broken'));
    cache.removed('a', 'container-a');
    await assert.rejects(look('a'), /it is broken/);
    await settle();
    assert.match(cache.get('a')?.fault ?? '', /it is broken/);
    faults.clear();
    await clock.advance(1_000);
    assert.equal(cache.get('a')?.fault, undefined);
    assert.equal(cache.get('a')?.containers[0]?.state, 'running');
    stop.abort();
    await Promise.race([running, settle()]);
  });

  it('has what was started from the runtime’s events, as long as there are any', async () => {
    const events = new PushStream<ContainerEventResponse__Output>();
    const { pleg, cache, clock, cri, uids } = setUp({ getContainerEvents: () => events.read() });
    uids.clear();
    const stop = new AbortController();
    const running = pleg.run(stop.signal).catch(() => undefined);
    const ids = ['sandbox-a', 'container-a'];
    const ask = (...started: string[]) => pleg.told('a', { started }, { signal });
    await settle();
    assert.equal(await ask(...ids), undefined, 'no event has come');
    const tell = async (state: string): Promise<void> => {
      const { status } = (await cri.client.podSandboxStatus({ pod_sandbox_id: 'sandbox-a' })) as object & {
        status: ContainerEventResponse__Output['pod_sandbox_status'];
      };
      const { status: container } = await cri.client.containerStatus({ container_id: 'container-a' });
      const containers_statuses = [{ ...container, state }];
      const started = { container_event_type: 'CONTAINER_STARTED_EVENT', container_id: 'container-a' };
      events.push({
        ...started,
        pod_sandbox_status: status,
        containers_statuses,
      } as ContainerEventResponse__Output);
      await settle();
    };
    await tell('CONTAINER_CREATED');
    assert.equal((await ask('sandbox-a'))?.sandboxes[0]?.id, 'sandbox-a');
    let isOver = false;
    const asked = ask(...ids).finally(() => (isOver = true));
    await clock.advance(50);
    assert.equal(isOver, false, 'one that is made does not run yet');
    await tell('CONTAINER_RUNNING');
    assert.equal((await asked)?.containers[0]?.state, 'running');
    const ended = pleg.told('a', { stopped: ['container-a'] }, { signal });
    await tell('CONTAINER_EXITED');
    assert.equal((await ended)?.containers[0]?.state, 'exited');
    const vain = ask('container-b');
    await clock.advance(100);
    assert.equal(await vain, undefined);
    cache.setFault({ uid: 'a', name: 'a', namespace: 'shop' }, 'it is broken');
    assert.equal(await ask(...ids), undefined, 'not all that there is could be looked at');
    cache.setFault({ uid: 'a', name: 'a', namespace: 'shop' }, undefined);
    const cut = ask('container-c');
    events.end();
    assert.equal(await cut, undefined);
    assert.equal(await ask(...ids), undefined, 'the events have ended');
    stop.abort();
    await Promise.race([running, settle()]);
  });

  it('forgets a mark with the pod', async () => {
    const { cache, faults, uids, look, clock } = setUp();
    faults.set('container-a', criFault('it is broken'));
    await assert.rejects(look('a'), /it is broken/);
    assert.notEqual(cache.get('a'), undefined);
    uids.delete('a');
    await clock.advance(1);
    await look('a');
    assert.equal(cache.get('a'), undefined);
  });

  it('skips what vanishes between the list and the look', async () => {
    const { cache, faults, look } = setUp();
    faults.set('container-a', criFault('no such container', 'not-found'));
    await look('a');
    assert.equal(cache.get('a')?.fault, undefined);
    assert.deepEqual(cache.get('a')?.containers, []);
  });

  it('takes a host that can not be asked for no fault of the pod', async () => {
    const { cache, faults, look } = setUp();
    faults.set('container-a', new FarletError('unavailable', 'no link'));
    await assert.rejects(look('a'), /no link/);
    assert.equal(cache.get('a'), undefined);
  });
});
