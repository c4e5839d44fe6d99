import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod } from '../../model/kube.ts';
import type { ObservedContainer } from '../../model/runtime-state.ts';
import { pod } from '../../testing/fixtures.ts';
import { created, exited, record, runs, spec, unknown, withRule } from '../../testing/pod-records.ts';
import {
  hasFailed,
  matchingRule,
  restartsAfter,
  restartsWhenKilled,
  shouldRestart,
} from './restart-decision.ts';

type Rules = NonNullable<Container['restartPolicyRules']>;

const under = (restartPolicy: string): Pod => pod({ spec: { restartPolicy } });
const withoutPolicy = pod();
delete (withoutPolicy.spec as { restartPolicy?: string }).restartPolicy;
const restart = (operator: string, values: number[], action = 'Restart'): Rules[number] => ({
  action,
  exitCodes: { operator, values },
});

describe('a container that has exited', () => {
  const always = spec('c', { restartPolicy: 'Always' });
  const onFailure = spec('c', { restartPolicy: 'OnFailure' });
  const never = spec('c', { restartPolicy: 'Never' });
  const rows: { name: string; subject: Pod; container?: Container; exitCode: number; restarts: boolean }[] = [
    { name: 'with 0 restarts under Always', subject: under('Always'), exitCode: 0, restarts: true },
    { name: 'with 1 restarts under Always', subject: under('Always'), exitCode: 1, restarts: true },
    { name: 'with 0 stays under OnFailure', subject: under('OnFailure'), exitCode: 0, restarts: false },
    { name: 'with 1 restarts under OnFailure', subject: under('OnFailure'), exitCode: 1, restarts: true },
    {
      name: 'by a signal restarts under OnFailure',
      subject: under('OnFailure'),
      exitCode: 137,
      restarts: true,
    },
    { name: 'with 0 stays under Never', subject: under('Never'), exitCode: 0, restarts: false },
    { name: 'with 1 stays under Never', subject: under('Never'), exitCode: 1, restarts: false },
    { name: 'restarts in a pod that has no policy', subject: withoutPolicy, exitCode: 0, restarts: true },
    {
      name: 'restarts by its own Always in a pod of Never',
      subject: under('Never'),
      container: always,
      exitCode: 0,
      restarts: true,
    },
    {
      name: 'stays by its own Never in a pod of Always',
      subject: under('Always'),
      container: never,
      exitCode: 1,
      restarts: false,
    },
    {
      name: 'with 1 restarts by its own OnFailure in a pod of Never',
      subject: under('Never'),
      container: onFailure,
      exitCode: 1,
      restarts: true,
    },
    {
      name: 'with 0 stays by its own OnFailure in a pod of Always',
      subject: under('Always'),
      container: onFailure,
      exitCode: 0,
      restarts: false,
    },
  ];
  for (const row of rows)
    it(row.name, () => {
      assert.equal(restartsAfter(row.subject, row.container ?? spec('c'), row.exitCode), row.restarts);
    });
});

describe('a restart rule', () => {
  const rows: { name: string; policy?: string; rules: Rules; exitCode: number; restarts: boolean }[] = [
    { name: 'In restarts for a code it lists', rules: [restart('In', [42])], exitCode: 42, restarts: true },
    {
      name: 'In leaves other codes to the policy',
      rules: [restart('In', [42])],
      exitCode: 1,
      restarts: false,
    },
    { name: 'In lists several codes', rules: [restart('In', [41, 42])], exitCode: 42, restarts: true },
    { name: 'In lists none: it never matches', rules: [restart('In', [])], exitCode: 0, restarts: false },
    { name: 'NotIn restarts for other codes', rules: [restart('NotIn', [42])], exitCode: 1, restarts: true },
    {
      name: 'NotIn leaves the codes it lists to the policy',
      rules: [restart('NotIn', [42])],
      exitCode: 42,
      restarts: false,
    },
    {
      name: 'NotIn lists none: it always matches',
      rules: [restart('NotIn', [])],
      exitCode: 0,
      restarts: true,
    },
    {
      name: 'for exit code 0 goes before OnFailure',
      policy: 'OnFailure',
      rules: [restart('In', [0])],
      exitCode: 0,
      restarts: true,
    },
    {
      name: 'that does not match leaves a failure to OnFailure',
      policy: 'OnFailure',
      rules: [restart('In', [42])],
      exitCode: 1,
      restarts: true,
    },
    {
      name: 'to restart all containers restarts this one',
      rules: [restart('In', [42], 'RestartAllContainers')],
      exitCode: 42,
      restarts: true,
    },
    {
      name: 'with an action nobody knows leaves it to the policy',
      rules: [restart('In', [42], 'Dance')],
      exitCode: 42,
      restarts: false,
    },
    {
      name: 'with an operator nobody knows is passed over for the next',
      rules: [restart('Above', [1]), restart('In', [42])],
      exitCode: 42,
      restarts: true,
    },
    {
      name: 'without exit codes is passed over for the next',
      rules: [{ action: 'Restart' }, restart('In', [42], 'Dance')],
      exitCode: 42,
      restarts: false,
    },
    {
      name: 'that matches first is the only one that counts',
      rules: [restart('In', [42], 'Dance'), restart('In', [42])],
      exitCode: 42,
      restarts: false,
    },
  ];
  for (const { name, policy = 'Never', rules, exitCode, restarts } of rows)
    it(name, () => {
      const own = spec('c', { restartPolicy: policy, restartPolicyRules: rules });
      assert.equal(restartsAfter(under('Never'), own, exitCode), restarts);
    });

  it('counts for nothing where the container has no policy of its own', () => {
    const own = spec('c', { restartPolicyRules: [restart('In', [42])] });
    assert.equal(restartsAfter(under('Never'), own, 42), false);
  });

  it('is found by the exit code, and none where none matches', () => {
    const own = spec('c', withRule('Never', 'Restart', [42]));
    assert.equal(matchingRule(own, 42)?.action, 'Restart');
    assert.equal(matchingRule(own, 1), undefined);
    assert.equal(matchingRule(spec('c'), 42), undefined);
  });
});

describe('a container that does not run', () => {
  const deleted = pod({ metadata: { deletionTimestamp: '2026-01-01T00:01:00Z' } });
  const rows: { name: string; subject: Pod; observed?: ObservedContainer; restarts: boolean }[] = [
    { name: 'starts if there is no record of it, under Never too', subject: under('Never'), restarts: true },
    {
      name: 'starts if it was made and never started, under Never too',
      subject: under('Never'),
      observed: record('c', created),
      restarts: true,
    },
    {
      name: 'starts if nobody knows how it is, under Never too',
      subject: under('Never'),
      observed: record('c', unknown),
      restarts: true,
    },
    {
      name: 'is left to its exit code and policy once it has exited',
      subject: under('OnFailure'),
      observed: record('c', exited(0)),
      restarts: false,
    },
    {
      name: 'is left alone while it runs',
      subject: under('Always'),
      observed: record('c', runs),
      restarts: false,
    },
    { name: 'does not start in a deleted pod', subject: deleted, restarts: false },
    {
      name: 'does not start in a deleted pod, even if it was made',
      subject: deleted,
      observed: record('c', created),
      restarts: false,
    },
    {
      name: 'does not restart in a deleted pod, even if it failed',
      subject: deleted,
      observed: record('c', exited(1)),
      restarts: false,
    },
  ];
  for (const { name, subject, observed, restarts } of rows)
    it(name, () => {
      assert.equal(shouldRestart(subject, spec('c'), observed), restarts);
    });
});

describe('a container that is killed although it runs', () => {
  const rows: { name: string; policy: string; own?: Partial<Container>; restarts: boolean }[] = [
    { name: 'restarts under Always', policy: 'Always', restarts: true },
    { name: 'restarts under OnFailure', policy: 'OnFailure', restarts: true },
    { name: 'ends under Never', policy: 'Never', restarts: false },
    { name: 'ends by its own Never', policy: 'Always', own: { restartPolicy: 'Never' }, restarts: false },
    {
      name: 'restarts by its own OnFailure',
      policy: 'Never',
      own: { restartPolicy: 'OnFailure' },
      restarts: true,
    },
    {
      name: 'ends whatever its rules say: there is no exit code yet',
      policy: 'Always',
      own: { restartPolicy: 'Never', restartPolicyRules: [restart('NotIn', [])] },
      restarts: false,
    },
  ];
  for (const { name, policy, own, restarts } of rows)
    it(name, () => {
      assert.equal(restartsWhenKilled(under(policy), spec('c', own)), restarts);
    });
});

describe('an init container has failed', () => {
  const rows: [name: string, change: Partial<ObservedContainer>, failed: boolean][] = [
    ['if it exited with anything but 0', exited(1), true],
    ['not if it exited with 0', exited(0), false],
    ['if it ran out of memory, whatever its exit code', exited(0, { reason: 'OOMKilled' }), true],
    ['if nobody knows how it is', unknown, true],
    ['not while it runs', runs, false],
    ['not before it has started', created, false],
  ];
  for (const [name, change, failed] of rows)
    it(name, () => {
      assert.equal(hasFailed(record('c', change)), failed);
    });
});
