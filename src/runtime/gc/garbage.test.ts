import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ObservedContainer, PodRuntimeState } from '../../model/runtime-state.ts';
import { criFault, FakeCri, FakeEvents, FakeFiles } from '../../testing/fake-host.ts';
import { container, FakeClock, pod, quietLog, sandbox } from '../../testing/fixtures.ts';
import { containersToCollect, exitedToRemove, initContainersToPrune } from './container-gc.ts';
import { ContainerRemover } from './container-remover.ts';
import { GarbageCollector } from './garbage-collector.ts';
import { ContainerKiller } from '../stop/container-killer.ts';
import { attemptFromLogs, containerLogLink } from '../spec/pod-files.ts';
import { podOfLogFolder, sandboxesToCollect } from './sandbox-gc.ts';

const { signal } = new AbortController();
const paths = { rootDir: '/r', podLogsDir: '/var/log/pods', containerLogsDir: '/var/log/containers' };

function state(change: Partial<PodRuntimeState>): PodRuntimeState {
  const { uid, name, namespace } = pod().metadata;
  return { uid, name, namespace, sandboxes: [], containers: [], ips: [], observedAt: 0, ...change };
}

function dead(id: string, change: Partial<ObservedContainer> = {}): ObservedContainer {
  const at = Number(id.replace(/\D/g, ''));
  return container({ id, state: 'exited', createdAt: at, attempt: at, ...change });
}

describe('dead containers', () => {
  const held = state({
    containers: [
      container({ id: 'c3', createdAt: 3 }),
      dead('c2'),
      dead('c1'),
      dead('c0'),
      dead('o1', { name: 'other' }),
      dead('u0', { name: 'other', state: 'unknown' }),
    ],
  });

  it('keep the newest of each name, oldest go first', () => {
    const ids = containersToCollect([held], { forgettable: () => false, keep: 1 }).map(
      ({ container: { id } }) => id,
    );
    assert.deepEqual(ids, ['c0', 'c1', 'u0']);
  });

  it('all go with their pod, but never a running one', () => {
    const ids = containersToCollect([held], { forgettable: () => true, keep: 1 }).map(
      ({ container: { id } }) => id,
    );
    assert.deepEqual(ids.toSorted(), ['c0', 'c1', 'c2', 'o1', 'u0']);
  });

  it('go at once when another of their name dies', () => {
    const ids = (diedId?: string): string[] =>
      exitedToRemove(held, { keep: 1, ...(diedId === undefined ? {} : { diedId }) }).map(({ id }) => id);
    assert.deepEqual(ids('c2'), ['c1', 'c0']);
    assert.deepEqual(ids('o1'), []);
    assert.deepEqual(ids('nobody'), []);
    assert.deepEqual(ids(), ['c1', 'o1', 'c0']);
  });

  it('of init containers only the newest record stays', () => {
    const of = pod({ spec: { initContainers: [{ name: 'i' }] } });
    const records = state({ containers: [dead('c3', { name: 'i' }), dead('c2', { name: 'i' }), dead('c1')] });
    const ids = (all: boolean): string[] => initContainersToPrune(of, records, { all }).map(({ id }) => id);
    assert.deepEqual(ids(false), ['c2']);
    assert.deepEqual(ids(true), ['c3', 'c2']);
  });
});

describe('dead sandboxes', () => {
  const held = state({
    sandboxes: [
      sandbox({ id: 's3', createdAt: 3, ready: false }),
      sandbox({ id: 's2', createdAt: 2, ready: false }),
      sandbox({ id: 's1', createdAt: 1, ready: false }),
      sandbox({ id: 's0', createdAt: 0, ready: true }),
    ],
    containers: [dead('c1', { sandboxId: 's2' })],
  });
  const ids = (gone: boolean, removed: string[] = []): string[] =>
    sandboxesToCollect([held], { forgettable: () => gone, removed: new Set(removed) }).map(({ id }) => id);

  it('keep the newest, those in use and those that are ready', () => {
    assert.deepEqual(ids(false), ['s1']);
    assert.deepEqual(ids(true), ['s1', 's3']);
    assert.deepEqual(ids(true, ['c1']), ['s1', 's2', 's3']);
  });
});

describe('logs', () => {
  it('tell their pod', () => {
    assert.deepEqual(podOfLogFolder('ns_web_uid'), { uid: 'uid', name: 'web', namespace: 'ns' });
    for (const other of ['x', 'a_b', 'a_b_c_d', '__']) assert.equal(podOfLogFolder(other), undefined);
  });

  it('tell the attempt that goes on from them', () => {
    const rows: [names: string[] | undefined, attempt: number][] = [
      [undefined, 0],
      [[], 0],
      [['0.log'], 1],
      [['0.log', '3.log.20260101-000000.gz', '2.log'], 4],
      [['x.log', '5.txt', `${'9'.repeat(30)}.log`], 0],
    ];
    for (const [names, attempt] of rows)
      assert.equal(attemptFromLogs(names?.map((name) => ({ name, type: 'file' }))), attempt);
    assert.equal(attemptFromLogs([{ name: '7.log', type: 'directory' }]), 0);
  });

  it('have links of at most 255 characters', () => {
    const link = containerLogLink(paths, { pod: 'p', namespace: 'n', container: 'c', id: 'x'.repeat(300) });
    assert.equal(link.split('/').at(-1)?.length, 255);
    assert.match(link, /^\/var\/log\/containers\/p_n_c-x+\.log$/);
  });
});

describe('collection', () => {
  function setUp(answers: ConstructorParameters<typeof FakeCri>[0] = {}) {
    const cri = new FakeCri(answers);
    const files = new FakeFiles();
    const events = new FakeEvents();
    const hooks = { run: () => Promise.resolve() };
    const killer = new ContainerKiller({
      cri: cri.client,
      hooks,
      events,
      clock: new FakeClock(),
      log: quietLog,
    });
    const remover = new ContainerRemover({ cri: cri.client, files: files.files, paths });
    const clock = new FakeClock();
    return { cri, files, clock, collector: new GarbageCollector({ remover, killer, clock, log: quietLog }) };
  }
  const logPath = '/var/log/pods/default_web_uid-web/c/0.log';

  it('takes logs and link first, then container, then sandbox', async () => {
    const { cri, files, collector } = setUp();
    files.folders.set('/var/log/pods/default_web_uid-web/c', ['0.log', '0.log.1.gz', '10.log']);
    const held = state({
      sandboxes: [sandbox({ id: 's1', ready: false })],
      containers: [dead('c1', { logPath })],
    });
    const gone = await collector.collect([held], () => true, { signal });
    assert.deepEqual(files.paths('remove'), [
      logPath,
      `${logPath}.1.gz`,
      '/var/log/containers/web_default_c-c1.log',
    ]);
    assert.deepEqual(cri.names(), ['removeContainer', 'stopPodSandbox', 'removePodSandbox']);
    assert.deepEqual(gone, {
      containers: [{ uid: 'uid-web', id: 'c1' }],
      sandboxes: [{ uid: 'uid-web', id: 's1' }],
    });
  });

  it('stops what is in an unknown state, and goes on after a failure', async () => {
    const { cri, collector } = setUp({
      removeContainer: ({ container_id: id }: { container_id: string }) => {
        if (id === 'u1') throw criFault('busy');
      },
    });
    const held = state({ containers: [dead('u1', { state: 'unknown' }), dead('c2', { name: 'd' })] });
    const { containers } = await collector.collect([held], () => true, { signal });
    assert.deepEqual(cri.names(), ['stopContainer', 'removeContainer', 'removeContainer']);
    assert.deepEqual(
      containers.map(({ id }) => id),
      ['c2'],
    );
  });

  it('of a pod that is done removes everything, and what is gone already is fine', async () => {
    const missing = (): never => {
      throw criFault('no such thing', 'not-found');
    };
    const { cri, files, collector } = setUp({ removeContainer: missing, stopPodSandbox: missing });
    await collector.removePod(state({ sandboxes: [sandbox()], containers: [dead('c1')] }), { signal });
    assert.deepEqual(cri.names(), ['removeContainer', 'stopPodSandbox', 'removePodSandbox']);
    assert.deepEqual(files.paths('remove-tree'), ['/var/log/pods/default_web_uid-web']);
  });

  it('asks again for what the runtime refuses, and tells of what stays', async () => {
    let calls = 0;
    const { cri, files, clock, collector } = setUp({
      removeContainer: ({ container_id: id }: { container_id: string }) => {
        calls += 1;
        if (id === 'stuck' || calls < 4) throw criFault('cannot delete running task', 'conflict');
      },
      removePodSandbox: () => {
        throw criFault('failed to remove container', 'conflict');
      },
    });
    const held = state({
      sandboxes: [sandbox({ ready: false })],
      containers: [dead('stuck'), dead('late', { name: 'd' })],
    });
    const removal = collector.removePod(held, { signal });
    await clock.advance(10_000);
    const { gone, refused } = await removal;
    assert.deepEqual(gone, ['late']);
    assert.equal(refused.length, 2);
    assert.match(refused[0] ?? '', /cannot delete running task/);
    const removals = cri.calls.filter(({ method }) => method === 'removeContainer');
    assert.equal(removals.filter(({ request }) => request.container_id === 'stuck').length, 4);
    assert.equal(removals.filter(({ request }) => request.container_id === 'late').length, 2);
    assert.deepEqual(files.paths('remove-tree'), ['/var/log/pods/default_web_uid-web']);
    assert.equal(clock.timers, 0);
  });

  it('does not let a pod go for any other failure', async () => {
    const { collector } = setUp({
      removeContainer: () => {
        throw criFault('container is in starting state');
      },
    });
    await assert.rejects(
      collector.removePod(state({ containers: [dead('c1')] }), { signal }),
      /starting state/,
    );
  });

  it('keeps the last sandbox while the logs are left: it tells whose they are', async () => {
    const { cri, files, collector } = setUp();
    files.fail = new Error('read-only');
    await assert.rejects(collector.removePod(state({ sandboxes: [sandbox()] }), { signal }), {
      message: 'read-only',
    });
    assert.deepEqual(cri.names(), []);
  });

  it('takes the logs of a pod that is gone with its last sandbox', async () => {
    const { files, collector } = setUp();
    const held = state({ sandboxes: [sandbox({ ready: false })] });
    await collector.collect([held], () => false, { signal });
    assert.deepEqual(files.paths('remove-tree'), []);
    await collector.collect([held], () => true, { signal });
    assert.deepEqual(files.paths('remove-tree'), ['/var/log/pods/default_web_uid-web']);
  });
});
