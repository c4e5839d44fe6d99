/** What holds for every pod, whatever the runtime has of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isSidecar } from '../../model/containers.ts';
import type { Container, Pod } from '../../model/kube.ts';
import { annotations } from '../../model/labels.ts';
import type { PodActions } from '../../model/pod-actions.ts';
import type { ObservedContainer, ObservedSandbox, PodRuntimeState } from '../../model/runtime-state.ts';
import { FakeClock, pod, sandbox } from '../../testing/fixtures.ts';
import { probesSaying, record, spec, withRule, type ProbeResult } from '../../testing/pod-records.ts';
import { computeActions, isIdle, type ActionsInput } from './compute-actions.ts';
import { RuntimeCache } from '../observed/runtime-cache.ts';

interface Case {
  readonly pod: Pod;
  readonly sandboxes: readonly ObservedSandbox[];
  readonly containers: readonly ObservedContainer[];
  readonly results: Readonly<Record<'liveness' | 'startup', Readonly<Record<string, ProbeResult>>>>;
}

const policy = fc.constantFrom('Always', 'OnFailure', 'Never');
const exitCode = fc.constantFrom(0, 1, 42);
const probe = { tcpSocket: { port: 80 } };

const ownPolicy: fc.Arbitrary<Partial<Container>> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  policy.map((restartPolicy) => ({ restartPolicy })),
  fc.tuple(policy, fc.subarray([0, 1, 42])).map(([own, codes]) => withRule(own, 'Restart', codes)),
);
const initPolicy: fc.Arbitrary<Partial<Container>> = fc.oneof(
  fc.constant({ restartPolicy: 'Always' }),
  fc.constant({ restartPolicy: 'Always', startupProbe: probe }),
  fc.constant({ restartPolicy: 'Always', livenessProbe: probe }),
  fc.constant({}),
  fc.constantFrom('OnFailure', 'Never').map((restartPolicy) => ({ restartPolicy })),
);

function recordsOf(name: string): fc.Arbitrary<ObservedContainer[]> {
  const change = fc.record({
    state: fc.constantFrom('created' as const, 'running' as const, 'exited' as const, 'unknown' as const),
    exitCode,
    reason: fc.constantFrom('', 'Error', 'OOMKilled'),
    createdAt: fc.nat({ max: 50 }),
    hash: fc.constantFrom('as made', 'as made', 'as made', 'f00', undefined),
  });
  return fc.array(change, { maxLength: 2 }).map((changes) =>
    changes.map(({ hash, ...rest }, index) => {
      const made = record(name, { ...rest, id: `${name}-${String(index)}`, attempt: index });
      if (hash === 'as made') return made;
      return { ...made, annotations: hash === undefined ? {} : { [annotations.containerHash]: hash } };
    }),
  );
}

const names = { init: ['i1', 'i2', 'i3'], regular: ['a', 'b'], ephemeral: ['d'] };
const listed = (of: readonly string[], more: fc.Arbitrary<Partial<Container>>): fc.Arbitrary<Container[]> =>
  fc.tuple(...of.map((name) => more.map((own) => spec(name, own))));
const results = fc.dictionary(
  fc.constantFrom(...Object.values(names).flatMap((of) => of.flatMap((name) => [`${name}-0`, `${name}-1`]))),
  fc.constantFrom<ProbeResult>('success', 'failure', 'unknown'),
);

const anyCase: fc.Arbitrary<Case> = fc
  .record({
    restartPolicy: policy,
    deleted: fc.boolean(),
    hostNetwork: fc.boolean(),
    init: fc.integer({ min: 0, max: 3 }).chain((count) => listed(names.init.slice(0, count), initPolicy)),
    regular: fc
      .integer({ min: 1, max: 2 })
      .chain((count) => listed(names.regular.slice(0, count), ownPolicy)),
    ephemeral: fc.subarray(names.ephemeral),
    records: fc.tuple(...Object.values(names).flatMap((of) => of.map(recordsOf))),
    sandboxes: fc.array(
      fc.record({
        ready: fc.boolean(),
        lacksAddress: fc.constantFrom(false, false, true),
        hostNetwork: fc.boolean(),
        createdAt: fc.nat({ max: 50 }),
        attempt: fc.nat({ max: 3 }),
      }),
      { maxLength: 3 },
    ),
    liveness: results,
    startup: results,
  })
  .map(({ restartPolicy, deleted, hostNetwork, init, regular, ephemeral, liveness, startup, ...held }) => ({
    pod: pod({
      metadata: deleted ? { deletionTimestamp: '2026-01-01T00:01:00Z' } : {},
      spec: {
        restartPolicy,
        hostNetwork,
        initContainers: init,
        containers: regular,
        ephemeralContainers: ephemeral.map((name) => spec(name)),
      },
    }),
    sandboxes: held.sandboxes.map((change, index) => sandbox({ ...change, id: `s${String(index)}` })),
    containers: held.records.flat(),
    results: { liveness, startup },
  }));

function inputOf(given: Case): ActionsInput {
  return { pod: given.pod, state: stateOf(given), probes: probesSaying(given.results) };
}

/** As the sync gets it: newest first, whatever the order of the news. */
function stateOf({ pod: { metadata }, sandboxes, containers }: Case): PodRuntimeState {
  const cache = new RuntimeCache({ clock: new FakeClock() });
  const ref = { uid: metadata.uid, name: metadata.name, namespace: metadata.namespace };
  cache.merge({ pod: ref, sandboxes, containers });
  return cache.get(ref.uid) ?? { ...ref, sandboxes: [], containers: [], ips: [], observedAt: 0 };
}

const newest = (state: PodRuntimeState, name: string): ObservedContainer | undefined =>
  state.containers.find((each) => each.name === name);
const started = ({ start, startInit, startEphemeral }: PodActions): string[] =>
  [...startEphemeral, ...startInit, ...start].map(({ spec: { name } }) => name);

function always(
  name: string,
  holds: (actions: PodActions, input: ActionsInput) => void,
  cases: fc.Arbitrary<Case> = anyCase,
): void {
  it(name, () => {
    fc.assert(
      fc.property(cases, (given) => {
        const input = inputOf(given);
        holds(computeActions(input), input);
      }),
      { numRuns: 300 },
    );
  });
}

describe('whatever the runtime holds of a pod', () => {
  const plainNever = anyCase
    .filter(({ sandboxes }) => sandboxes.length > 0)
    .map((given) => ({
      ...given,
      pod: {
        ...given.pod,
        spec: {
          ...given.pod.spec,
          restartPolicy: 'Never' as const,
          containers: given.pod.spec.containers.map(({ name }) => spec(name)),
        },
      },
    }));
  always(
    'nothing but a sidecar is started again under Never once it has exited',
    ({ start, startInit }, { state }) => {
      for (const each of [
        ...start,
        ...startInit.filter(({ spec: { restartPolicy } }) => restartPolicy === undefined),
      ])
        assert.notEqual(newest(state, each.spec.name)?.state, 'exited');
    },
    plainNever,
  );

  always('nothing but an ephemeral container is started in a pod that ends', (actions) => {
    if (actions.killPod && !actions.createSandbox)
      assert.deepEqual([...actions.start, ...actions.startInit], []);
  });

  always('nothing is started but in the one sandbox that is ready, or in a new one', (actions, { state }) => {
    if (actions.createSandbox || started(actions).length === 0) return;
    assert.deepEqual(
      state.sandboxes.map(({ ready }) => ready),
      state.sandboxes.map((_, index) => index === 0),
    );
    assert.equal(actions.sandbox, state.sandboxes[0]);
  });

  always(
    'a new sandbox comes with the end of all that was, and with an attempt of its own',
    (actions, { state }) => {
      if (!actions.createSandbox) return;
      assert.ok(actions.killPod);
      assert.ok(state.sandboxes.every(({ attempt }) => attempt < actions.attempt));
    },
  );

  always('no regular container is started before its init containers are done', (actions, input) => {
    const { state, pod: subject } = input;
    const last = subject.spec.initContainers?.at(-1);
    if (actions.start.length === 0 || last === undefined) return;
    assert.equal(actions.createSandbox, false);
    const isLive = subject.spec.containers.some(({ name }) => {
      const at = newest(state, name)?.state;
      return at === 'running' || at === 'created';
    });
    const seen = newest(state, last.name);
    const hasStarted =
      seen?.state === 'running' &&
      (last.startupProbe === undefined || input.probes.startup(seen.id) === 'success');
    const isDone = seen?.state === 'exited' && seen.exitCode === 0 && seen.reason !== 'OOMKilled';
    assert.ok(isLive || (isSidecar(last) ? hasStarted : isDone));
  });

  always('one init container after the other is started, sidecars aside', ({ startInit }) => {
    assert.ok(startInit.filter(({ sidecar }) => !sidecar).length <= 1);
  });

  always('what runs, or may run, is started only in place of itself', (actions, { state }) => {
    if (actions.killPod) return;
    const killed = actions.kill.map(({ container: { id } }) => id);
    for (const name of started(actions)) {
      const before = newest(state, name);
      if (before?.state === 'running' || before?.state === 'unknown') assert.ok(killed.includes(before.id));
    }
  });

  always('nothing is killed or started twice, nor started if it is killed for good', (actions, { state }) => {
    const killed = actions.kill.map(({ container: { id } }) => id);
    const names = started(actions);
    assert.equal(new Set(killed).size, killed.length);
    assert.equal(new Set(names).size, names.length);
    for (const { container: container, name, message } of actions.kill) {
      assert.equal(newest(state, name), container);
      if (!message.startsWith('Container ') || message.includes('unknown')) continue;
      assert.equal(names.includes(name), message.endsWith(', will be restarted'));
    }
  });

  always(
    'no regular container that has exited is started again once the pod is deleted',
    (actions, { state, pod: subject }) => {
      if (subject.metadata.deletionTimestamp === undefined || actions.createSandbox) return;
      for (const {
        spec: { name },
      } of actions.start)
        assert.equal(newest(state, name)?.state, 'running');
    },
  );

  always('the same question has the same answer', (actions, input) => {
    assert.deepEqual(computeActions(structuredInput(input)), actions);
  });

  it('the order of the news does not matter', () => {
    const shuffled = anyCase.chain((given) =>
      fc.record({
        of: fc.constant(given),
        sandboxes: fc.shuffledSubarray([...given.sandboxes], { minLength: given.sandboxes.length }),
        containers: fc.shuffledSubarray([...given.containers], { minLength: given.containers.length }),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ of: given, sandboxes, containers }) => {
        const other = computeActions(inputOf({ ...given, sandboxes, containers }));
        assert.deepEqual(other, computeActions(inputOf(given)));
      }),
    );
  });

  it('it comes to rest or to its end when all goes well', () => {
    fc.assert(
      fc.property(anyCase, (given) => {
        let now = given;
        for (let round = 0; round < 15; round += 1) {
          const actions = computeActions(inputOf(now));
          const ends = actions.killPod && !actions.createSandbox;
          if (ends || isIdle(actions)) return;
          now = carriedOut(now, actions, round);
        }
        assert.fail('still at work after 15 rounds');
      }),
      { numRuns: 300 },
    );
  });
});

function structuredInput({ pod: subject, state, probes }: ActionsInput): ActionsInput {
  return { pod: structuredClone(subject), state: structuredClone(state), probes };
}

/** What the runtime holds then: what was started runs, init containers succeed at once. */
function carriedOut(given: Case, actions: PodActions, round: number): Case {
  const killed = new Set(actions.kill.map(({ container: { id } }) => id));
  const init = (given.pod.spec.initContainers ?? []).map(({ name }) => name);
  const ended = given.containers
    .filter(({ name }) => !(actions.createSandbox && init.includes(name)))
    .map((each): ObservedContainer => {
      const isOver = each.state !== 'exited' && (actions.killPod || killed.has(each.id));
      return isOver ? { ...each, state: 'exited', exitCode: 137 } : each;
    });
  const made = [...actions.startEphemeral, ...actions.startInit, ...actions.start].map(
    ({ spec: { name }, type, sidecar }): ObservedContainer =>
      record(name, {
        id: `${name}-of-round-${String(round)}`,
        createdAt: 100 + round,
        state: type === 'init_container' && !sidecar ? 'exited' : 'running',
      }),
  );
  const fresh = sandbox({
    id: `of-round-${String(round)}`,
    attempt: actions.attempt,
    hostNetwork: given.pod.spec.hostNetwork === true,
  });
  const old = given.sandboxes.map((each) => (actions.killPod ? { ...each, ready: false } : each));
  return {
    ...given,
    sandboxes: actions.createSandbox ? [...old, fresh] : old,
    containers: [...ended, ...made],
  };
}
