import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { messageOf } from '../../model/errors.ts';
import type { Pod } from '../../model/kube.ts';
import { podRef } from '../../model/pod-ref.ts';
import { FakeClock, pod, quietLog } from '../../testing/fixtures.ts';
import type { ProbedContainer } from './probe-worker.ts';
import { Prober } from './prober.ts';

/** A pod whose probes are exec: the exit code is what the test says. */
function setUp(
  spec: object,
  options: {
    running?: ProbedContainer;
    podStatus?: Pod['status'];
    random?: number;
    isBroken?: () => boolean;
  } = {},
): {
  prober: Prober;
  clock: FakeClock;
  target: Pod;
  set: (change: { exit?: number; container?: ProbedContainer; pod?: Pod | undefined }) => void;
  results: string[];
  events: string[];
  calls: () => number;
} {
  const clock = new FakeClock();
  const results: string[] = [];
  const events: string[] = [];
  let exit = 0;
  let calls = 0;
  let container: ProbedContainer | undefined = options.running;
  let target: Pod | undefined = pod({
    spec: { containers: [{ name: 'c', ...spec }] },
    ...(options.podStatus === undefined ? {} : { status: options.podStatus }),
  });
  const prober = new Prober({
    host: {
      cri: {
        execSync: () => {
          calls += 1;
          return Promise.resolve({ stdout: Buffer.from('no'), stderr: Buffer.alloc(0), exit_code: exit });
        },
      },
      link: { dial: () => Promise.reject(new Error('not dialled')) },
      state: () => ({ at: 'ready' }),
    } as never,
    clock,
    log: quietLog,
    events: { event: (_about, reason, message) => events.push(`${reason} ${message}`) },
    faults: {
      report: (part, error, about) => events.push(`${part} of ${String(about?.name)}: ${messageOf(error)}`),
    },
    signal: new AbortController().signal,
    random: () => options.random ?? 0,
    look: () => {
      if (options.isBroken?.() === true) throw new TypeError('no such container');
      return container;
    },
    pod: () => target,
    onResult: (uid) => results.push(uid),
    observe: () => undefined,
  });
  return {
    prober,
    clock,
    target,
    results,
    events,
    calls: () => calls,
    set: (change) => {
      exit = change.exit ?? exit;
      container = change.container ?? container;
      if ('pod' in change) target = change.pod;
    },
  };
}

const exec = { exec: { command: ['x'] }, periodSeconds: 5 };
const running = (clock: FakeClock, id = 'c1'): ProbedContainer => ({
  id,
  running: true,
  startedAt: clock.now(),
  podIp: '10.0.0.2',
  over: false,
});

describe('prober', () => {
  it('goes on after an exception that nobody expected, and tells of it', async () => {
    let isBroken = true;
    const { prober, clock, target, set, events } = setUp(
      { readinessProbe: exec },
      { isBroken: () => isBroken },
    );
    set({ container: running(clock) });
    prober.add(target);
    await clock.advance(5_000);
    assert.equal(events[0], 'probe of web: no such container');
    isBroken = false;
    await clock.advance(5_000);
    assert.equal(prober.result('readiness', 'c1'), 'success');
  });

  it('is not ready before the first success, and ready after it', async () => {
    const { prober, clock, target, set } = setUp({ readinessProbe: exec });
    prober.add(target);
    await clock.advance(0);
    set({ exit: 1, container: running(clock) });
    await clock.advance(5_000);
    assert.equal(prober.result('readiness', 'c1'), 'failure');
    set({ exit: 0 });
    await clock.advance(5_000);
    assert.equal(prober.result('readiness', 'c1'), 'success');
  });

  it('probes a started container at once when a sync has told of it', async () => {
    const { prober, clock, target, set, calls } = setUp({ readinessProbe: exec });
    prober.add(target);
    await clock.advance(1);
    set({ container: running(clock) });
    prober.observed([{ kind: 'container-started', pod: podRef(target), id: 'c' }]);
    await clock.advance(0);
    assert.equal(calls(), 0);
    prober.add(target);
    await clock.advance(0);
    assert.equal(calls(), 1);
  });

  it('waits for startup, and holds the others back until then', async () => {
    const { prober, clock, target, set, events } = setUp({
      startupProbe: { ...exec, failureThreshold: 10 },
      livenessProbe: exec,
    });
    set({ exit: 1, container: running(clock) });
    prober.add(target);
    await clock.advance(11_000);
    assert.deepEqual([...new Set(events)], ['Unhealthy Startup probe failed: no']);
    assert.equal(prober.result('liveness', 'c1'), 'success');
    set({ exit: 0 });
    await clock.advance(5_000);
    assert.equal(prober.result('startup', 'c1'), 'success');
  });

  it('kills by liveness only after the threshold, and then holds until the container is another', async () => {
    const { prober, clock, target, set, calls, results } = setUp({
      livenessProbe: { ...exec, failureThreshold: 2 },
    });
    set({ exit: 1, container: running(clock) });
    prober.add(target);
    await clock.advance(4_000);
    assert.equal(prober.result('liveness', 'c1'), 'success');
    await clock.advance(5_000);
    assert.equal(prober.result('liveness', 'c1'), 'failure');
    assert.equal(results.length, 1);
    await clock.advance(60_000);
    assert.equal(calls(), 2);
    set({ exit: 0, container: running(clock, 'c2') });
    await clock.advance(5_000);
    assert.equal(prober.result('liveness', 'c2'), 'success');
    assert.equal(prober.result('liveness', 'c1'), undefined);
  });

  it('does not judge a container that ran before farlet started, and remembers that it had started', async () => {
    const at = new FakeClock().now() - 60_000;
    const { prober, clock, target } = setUp(
      { readinessProbe: { ...exec, initialDelaySeconds: 3600 }, startupProbe: exec },
      {
        running: { id: 'c1', running: true, startedAt: at, podIp: '10.0.0.2', over: false },
        podStatus: {
          phase: 'Running',
          containerStatuses: [
            {
              name: 'c',
              image: '',
              imageID: '',
              ready: true,
              restartCount: 0,
              started: true,
              containerID: 'containerd://c1',
            },
          ],
        },
      },
    );
    prober.add(target);
    await clock.advance(20_000);
    assert.equal(prober.result('readiness', 'c1'), undefined);
    assert.equal(prober.result('startup', 'c1'), 'success');
  });

  it('honours the initial delay', async () => {
    const { prober, clock, target, set, calls } = setUp({
      readinessProbe: { ...exec, initialDelaySeconds: 12 },
    });
    set({ container: running(clock) });
    prober.add(target);
    await clock.advance(11_000);
    assert.equal(calls(), 0);
    await clock.advance(5_000);
    assert.equal(calls(), 1);
  });

  it('ends when the pod is terminal, leaving no timer', async () => {
    const { prober, clock, target, set } = setUp({ readinessProbe: exec, livenessProbe: exec });
    set({ container: running(clock) });
    prober.add(target);
    await clock.advance(1);
    set({ pod: undefined });
    await clock.advance(6_000);
    assert.equal(clock.timers, 0);
    assert.equal(prober.result('readiness', 'c1'), undefined);
  });

  it('tells an error of the probe itself without counting it', async () => {
    const { prober, clock, target, set, events } = setUp({
      livenessProbe: { tcpSocket: { port: 'none' }, periodSeconds: 5 },
    });
    set({ container: running(clock) });
    prober.add(target);
    await clock.advance(1);
    assert.match(
      events[0] ?? '',
      /Liveness probe errored and resulted in unknown state: strconv\.Atoi: parsing "none": invalid syntax/,
    );
    assert.equal(prober.result('liveness', 'c1'), 'success');
  });

  it('of a pod that is stopping leave their last result: commands err as a kubelet lets them, the network is asked on', async () => {
    const { prober, clock, target, set, events, calls } = setUp({
      readinessProbe: exec,
      livenessProbe: exec,
    });
    set({ container: running(clock) });
    prober.add(target);
    await clock.advance(1);
    assert.equal(prober.result('readiness', 'c1'), 'success');
    const made = calls();
    prober.stopLivenessAndStartup(target.metadata.uid);
    set({ exit: 1 });
    await clock.advance(20_000);
    assert.equal(calls(), made);
    assert.equal(prober.result('readiness', 'c1'), 'success');
    assert.equal(prober.result('liveness', 'c1'), undefined);
    assert.deepEqual(
      [...new Set(events)],
      [
        'Unhealthy Readiness probe errored and resulted in unknown state: rpc error: code = Canceled desc = context canceled',
      ],
    );
  });

  it('of a year do not begin for a start, nor run without rest', async () => {
    const { prober, clock, target, set, calls } = setUp(
      {
        readinessProbe: { ...exec, periodSeconds: 2_147_483_647 },
      },
      { random: 0.5 },
    );
    set({ container: running(clock) });
    prober.add(target);
    await clock.advance(0);
    prober.observed([{ kind: 'container-started', pod: podRef(target), id: 'c' }]);
    prober.add(target);
    await clock.advance(86_400_000);
    assert.equal(calls(), 0);
  });
});
