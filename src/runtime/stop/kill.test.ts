import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Container, Pod } from '../../model/kube.ts';
import { annotations } from '../../model/labels.ts';
import type { KillReason } from '../../model/pod-actions.ts';
import type { ObservedContainer, PodRuntimeState } from '../../model/runtime-state.ts';
import { criFault, FakeCri, FakeEvents } from '../../testing/fake-host.ts';
import { container, FakeClock, pod, quietLog, sandbox, settle } from '../../testing/fixtures.ts';
import { ContainerKiller } from './container-killer.ts';
import { killContainers, stopSandboxes, type PodKillOrder } from './kill-pod.ts';
import type { SyncStep } from '../spec/steps.ts';
import { maySandboxesStop } from '../spec/stop-cut-off.ts';
import { killGraceSeconds, killSubject } from './kill-subject.ts';

const { signal } = new AbortController();

function setUp(
  answers: ConstructorParameters<typeof FakeCri>[0] = {},
  hook: () => Promise<void> = () => Promise.resolve(),
) {
  const cri = new FakeCri(answers);
  const events = new FakeEvents();
  const clock = new FakeClock();
  const killer = new ContainerKiller({ cri: cri.client, hooks: { run: hook }, events, clock, log: quietLog });
  const kill = async (order: PodKillOrder): Promise<SyncStep[]> => {
    const steps = await killContainers(order, { cri: cri.client, containers: killer }, { signal });
    if (!maySandboxesStop(steps)) return steps;
    return [...steps, await stopSandboxes(order.state, { cri: cri.client }, { signal })];
  };
  const stops = (): string[] =>
    cri.calls
      .filter(({ method }) => method === 'stopContainer')
      .map(({ request }) => `${String(request.container_id)} ${String(request.timeout)}`);
  return { cri, events, clock, killer, kill, stops };
}

function state(containers: ObservedContainer[]): PodRuntimeState {
  const { uid, name, namespace } = pod().metadata;
  return { uid, name, namespace, sandboxes: [sandbox()], containers, ips: ['10.0.0.7'], observedAt: 0 };
}

describe('grace', () => {
  const probe = { terminationGracePeriodSeconds: 7 };
  const rows: [
    name: string,
    change: Parameters<typeof pod>[0],
    own: Partial<Container>,
    reason: KillReason,
    seconds: number,
  ][] = [
    ['of the pod', {}, {}, 'changed', 30],
    [
      'of the deletion',
      { metadata: { deletionGracePeriodSeconds: 5 } },
      { livenessProbe: probe },
      'liveness-probe',
      5,
    ],
    ['of the probe that failed', {}, { livenessProbe: probe }, 'liveness-probe', 7],
    ['of no other probe', {}, { livenessProbe: probe }, 'startup-probe', 30],
  ];
  for (const [name, change, own, reason, seconds] of rows)
    it(name, () => {
      const of = pod({ ...change, spec: { containers: [{ name: 'c', ...own }] } });
      assert.equal(killGraceSeconds(killSubject(of, container(), state([])), reason), seconds);
    });

  it('is kept with the container for when its pod is gone', () => {
    const observed = container({
      annotations: {
        [annotations.podTerminationGracePeriod]: '9',
        [annotations.preStopHandler]: '{"exec":{"command":["x"]}}',
        [annotations.ports]: 'spoilt',
      },
    });
    const subject = killSubject(undefined, observed, state([]));
    assert.equal(killGraceSeconds(subject, 'pod-deleted'), 9);
    assert.deepEqual(subject.container.lifecycle?.preStop?.exec?.command, ['x']);
    assert.equal(subject.about.fieldPath, 'implicitly required container c');
    assert.equal(killGraceSeconds(killSubject(undefined, container(), state([])), 'pod-deleted'), 2);
  });
});

describe('stopping a container', () => {
  const preStop = { exec: { command: ['x'] } };
  const of = pod({
    spec: { terminationGracePeriodSeconds: 10, containers: [{ name: 'c', lifecycle: { preStop } }] },
  });

  it('takes the preStop hook out of the grace', async () => {
    const { kill, clock, stops, events } = setUp({}, () => clock.sleep(3900));
    const killing = kill({ pod: of, state: state([container()]) });
    await clock.advance(3900);
    await killing;
    assert.deepEqual(stops(), ['c1 7']);
    assert.deepEqual(events.seen, ['Normal Killing spec.containers{c}: Stopping container c']);
    assert.equal(clock.timers, 0);
  });

  it('abandons a hook that takes too long', async () => {
    const { kill, clock, stops } = setUp({}, () => new Promise(() => undefined));
    const killing = kill({ pod: of, state: state([container()]) });
    await clock.advance(10_000);
    await killing;
    assert.deepEqual(stops(), ['c1 2']);
  });

  it('goes on after a hook that fails, without its secrets in the event', async () => {
    const { kill, stops, events } = setUp({}, () => Promise.reject(new Error('hunter2')));
    await kill({ pod: of, state: state([container()]) });
    assert.deepEqual(stops(), ['c1 10']);
    assert.deepEqual(events.seen.slice(1), [
      'Warning FailedPreStopHook spec.containers{c}: PreStopHook failed',
    ]);
  });

  it('runs no hook without grace; the runtime still gets 2 s', async () => {
    let ran = false;
    const { kill, stops } = setUp({}, () => {
      ran = true;
      return Promise.resolve();
    });
    await kill({ pod: of, state: state([container()]), graceSeconds: 0 });
    assert.deepEqual([ran, stops()], [false, ['c1 2']]);
  });

  it('goes on with what is left of the grace when the link cut it off, without another hook or event', async () => {
    let answer = (): Promise<object> => Promise.reject(criFault('gone', 'unavailable'));
    let hooks = 0;
    const { kill, clock, stops, events } = setUp({ stopContainer: () => answer() }, () => {
      hooks += 1;
      return clock.sleep(1000);
    });
    const cut = kill({ pod: of, state: state([container()]) });
    await clock.advance(1000);
    const [step] = await cut;
    assert.equal(step?.error?.code, 'KillContainerError');
    await clock.advance(4000);
    await kill({ pod: of, state: state([container()]) });
    await clock.advance(60_000);
    answer = () => Promise.resolve({});
    await kill({ pod: of, state: state([container()]) });
    // and is forgotten: the next stop of that name is another one
    const next = kill({ pod: of, state: state([container()]) });
    await clock.advance(1000);
    await next;
    assert.deepEqual(stops(), ['c1 9', 'c1 5', 'c1 2', 'c1 9']);
    assert.deepEqual([hooks, events.seen.length], [2, 2]);
  });

  it('kills nothing by its sandbox while there is grace left of a stop that was cut off', async () => {
    const rows: [error: Error | undefined, graceSeconds: number, goneSeconds: number, sandboxes: number][] = [
      [criFault('gone', 'unavailable'), 10, 3, 0],
      [criFault('late', 'deadline-exceeded'), 10, 3, 0],
      // over, so nobody loses any
      [criFault('gone', 'unavailable'), 10, 11, 1],
      [criFault('gone', 'unavailable'), 0, 0, 1],
      // as a kubelet does
      [criFault('no', 'internal'), 10, 3, 1],
      [undefined, 10, 3, 1],
    ];
    const plain = pod({ spec: { terminationGracePeriodSeconds: 10, containers: [{ name: 'c' }] } });
    for (const [error, graceSeconds, goneSeconds, sandboxes] of rows) {
      const { kill, clock, cri } = setUp({
        stopContainer: async () => {
          await clock.sleep(goneSeconds * 1000);
          if (error !== undefined) throw error;
          return {};
        },
      });
      const killing = kill({ pod: plain, state: state([container()]), graceSeconds });
      await clock.advance(goneSeconds * 1000);
      const [step] = await killing;
      assert.equal(step?.error?.message, error?.message);
      const stopped = cri.calls.filter(({ method }) => method === 'stopPodSandbox');
      assert.equal(stopped.length, sandboxes, `${String(error)} ${goneSeconds}`);
    }
  });

  it('begins anew where it was called off, or refused', async () => {
    const rows: [error: Error, stops: string[]][] = [
      [criFault('no', 'internal'), ['c1 10', 'c1 10']],
      [criFault('late', 'deadline-exceeded'), ['c1 10', 'c1 3']],
    ];
    const plain = pod({ spec: { terminationGracePeriodSeconds: 10, containers: [{ name: 'c' }] } });
    for (const [error, expected] of rows) {
      const { kill, clock, stops } = setUp({ stopContainer: () => Promise.reject(error) });
      await kill({ pod: plain, state: state([container()]) });
      await clock.advance(7000);
      await kill({ pod: plain, state: state([container()]) });
      assert.deepEqual(stops(), expected);
    }
  });

  it('never has more grace than it was given, nor more than at the last try', async () => {
    const waits = fc.array(fc.nat({ max: 15_000 }), { minLength: 1, maxLength: 5 });
    const run = async (grace: number, hookMs: number, breaks: readonly number[]): Promise<void> => {
      const cut = criFault('gone', 'unavailable');
      const { kill, clock, cri } = setUp({ stopContainer: () => Promise.reject(cut) }, () =>
        clock.sleep(hookMs),
      );
      const lifecycle = { preStop };
      const slow = pod({
        spec: { terminationGracePeriodSeconds: grace, containers: [{ name: 'c', lifecycle }] },
      });
      for (const wait of breaks) {
        const killing = kill({ pod: slow, state: state([container()]) });
        await clock.advance(Math.min(hookMs, grace * 1000));
        await killing;
        await clock.advance(wait);
      }
      const given = cri.calls
        .filter(({ method }) => method === 'stopContainer')
        .map(({ request }) => Number(request.timeout));
      assert.equal(given.length, breaks.length);
      let most = Math.max(2, grace);
      for (const seconds of given) {
        assert.ok(seconds >= 2 && seconds <= most, `${String(given)} of ${String(grace)}`);
        most = seconds;
      }
    };
    await fc.assert(fc.asyncProperty(fc.nat({ max: 60 }), fc.nat({ max: 9_000 }), waits, run), {
      numRuns: 50,
    });
  });

  it('a container the runtime has forgotten is stopped', async () => {
    const { kill } = setUp({
      stopContainer: () => {
        throw criFault('no such container', 'not-found');
      },
    });
    const steps = await kill({ pod: of, state: state([container()]) });
    assert.ok(steps.every(({ error }) => error === undefined));
  });
});

describe('stopping a pod', () => {
  const sidecar = (name: string) => ({ name, restartPolicy: 'Always' as const });
  const served: Pod = pod({
    spec: {
      terminationGracePeriodSeconds: 10,
      initContainers: [sidecar('s1'), { name: 'init' }, sidecar('s2')],
      containers: [{ name: 'a' }, { name: 'b' }],
    },
  });
  const all = ['s1', 's2', 'a', 'b'].map((name) => container({ name, id: name }));

  it('stops regular containers together, then sidecars backwards, then the sandboxes', async () => {
    const gates = new Map(all.map(({ id }) => [id, Promise.withResolvers<object>()]));
    const { cri, kill, clock, stops, events } = setUp({
      stopContainer: ({ container_id: id }: { container_id: string }) => gates.get(id)?.promise,
    });
    const killing = kill({ pod: served, state: state(all) });
    await settle();
    assert.deepEqual(stops(), ['a 10', 'b 10']);
    assert.equal(events.seen.length, 4);
    gates.get('a')?.resolve({});
    await clock.advance(3000);
    assert.equal(stops().length, 2);
    gates.get('b')?.resolve({});
    await settle();
    assert.deepEqual(stops().slice(2), ['s2 7']);
    gates.get('s2')?.resolve({});
    await settle();
    assert.deepEqual(stops().slice(3), ['s1 7']);
    assert.ok(!cri.names().includes('stopPodSandbox'));
    gates.get('s1')?.resolve({});
    const steps = await killing;
    assert.equal(cri.names().at(-1), 'stopPodSandbox');
    assert.deepEqual(
      steps.map(({ target }) => target),
      ['s1', 's2', 'a', 'b', 'web_default(uid-web)'],
    );
  });

  it('makes sidecars wait no longer than the grace', async () => {
    const { kill, clock, stops } = setUp({
      stopContainer: ({ container_id: id }: { container_id: string }) =>
        id === 'a' ? new Promise(() => undefined) : {},
    });
    void kill({ pod: served, state: state(all) });
    await clock.advance(10_000);
    assert.deepEqual(stops().toSorted(), ['a 10', 'b 10', 's1 2', 's2 2']);
  });

  it('cuts off who waits for a stop that is cut off, and takes all up again', async () => {
    let isCut = true;
    const { cri, kill, clock, stops, events } = setUp({
      stopContainer: async () => {
        if (!isCut) return {};
        await clock.sleep(3000);
        throw criFault('gone', 'unavailable');
      },
    });
    const killing = kill({ pod: served, state: state(all) });
    await clock.advance(3000);
    const steps = await killing;
    assert.equal(steps.filter(({ error }) => error !== undefined).length, 4);
    assert.deepEqual(stops(), ['a 10', 'b 10']);
    isCut = false;
    await kill({ pod: served, state: state(all) });
    assert.deepEqual(stops().slice(2), ['a 7', 'b 7', 's2 7', 's1 7']);
    assert.equal(cri.names().at(-1), 'stopPodSandbox');
    assert.equal(events.seen.length, 4);
    assert.equal(clock.timers, 0);
  });

  it('makes sidecars wait for nobody that does not run', async () => {
    const { kill, stops } = setUp({ stopContainer: () => new Promise(() => undefined) });
    const ended = all.map((each) => (each.name === 's1' ? each : { ...each, state: 'exited' as const }));
    void kill({ pod: served, state: state(ended) });
    await settle();
    assert.deepEqual(stops(), ['s1 10']);
  });

  it('makes nobody wait without grace', async () => {
    const { kill, stops } = setUp({ stopContainer: () => new Promise(() => undefined) });
    void kill({ pod: served, state: state(all), graceSeconds: 0 });
    await settle();
    assert.deepEqual(stops().toSorted(), ['a 2', 'b 2', 's1 2', 's2 2']);
  });

  it('leaves what does not run to the sandbox, and tells what failed', async () => {
    const { kill, stops } = setUp({
      stopContainer: () => {
        throw criFault('busy');
      },
      stopPodSandbox: () => {
        throw criFault('no network');
      },
    });
    const dead = container({ id: 'dead', state: 'exited' });
    const steps = await kill({ pod: undefined, state: state([container(), dead]) });
    assert.deepEqual(stops(), ['c1 2']);
    assert.deepEqual(
      steps.map(({ error }) => `${error?.code ?? ''} ${error?.message ?? ''}`),
      [
        'KillContainerError rpc error: code = Unknown desc = busy',
        'KillPodSandboxError rpc error: code = Unknown desc = no network',
      ],
    );
  });

  it('an abort leaves at once with its reason', async () => {
    const stop = new AbortController();
    const { cri, killer } = setUp({
      stopContainer: (_: never, options) =>
        new Promise((_resolve, reject) =>
          options?.signal?.addEventListener('abort', () => {
            reject(new Error('call cancelled'));
          }),
        ),
    });
    const killing = killContainers(
      { pod: served, state: state(all) },
      { cri: cri.client, containers: killer },
      { signal: stop.signal },
    );
    await settle();
    stop.abort(new Error('shorter grace'));
    await assert.rejects(killing, { message: 'shorter grace' });
  });
});
