import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../model/kube.ts';
import type { ObservedContainer, PodRuntimeState } from '../../model/runtime-state.ts';
import { podStatus, type StatusInput } from '../../pods/status/status.ts';
import { container, pod, sandbox } from '../../testing/fixtures.ts';
import { spec, withRule } from '../../testing/pod-records.ts';
import { computeActions, isIdle } from './compute-actions.ts';
import { containersToReset, restartsAll } from './restart-all.ts';

const trigger = spec('trigger', withRule('Never', 'RestartAllContainers', [42]));
const web: Pod = pod({
  spec: {
    restartPolicy: 'Never',
    initContainers: [spec('setup')],
    containers: [trigger, spec('main')],
  },
});
const exited = (name: string, exitCode: number): ObservedContainer =>
  container({ id: `${name}-${exitCode}`, name, state: 'exited', exitCode, annotations: {} });
const runs = (name: string): ObservedContainer => container({ id: `${name}-runs`, name });
const holding = (...containers: ObservedContainer[]): PodRuntimeState => ({
  ...web.metadata,
  sandboxes: [sandbox()],
  containers,
  ips: ['10.0.0.2'],
  observedAt: 0,
});
const all = holding(exited('trigger', 42), runs('main'), exited('setup', 0));
const quiet = (): undefined => undefined;

describe('a restart of all containers', () => {
  it('is asked for by the matching exit code alone', () => {
    assert.equal(restartsAll(web, all), true);
    assert.equal(restartsAll(web, holding(exited('trigger', 1), runs('main'))), false);
    assert.equal(restartsAll(web, holding(runs('trigger'), runs('main'))), false);
  });

  it('takes away every record, what asked for it last', () => {
    assert.deepEqual(
      containersToReset(web, all).map(({ container: { id }, kill }) => `${id}${kill ? ' kill' : ''}`),
      ['main-runs kill', 'setup-0', 'trigger-42'],
    );
  });

  it('does nothing else in that sync, and starts from the first init container in the next', () => {
    const input = { pod: web, probes: { liveness: quiet, startup: quiet } };
    const now = computeActions({ ...input, state: all, restartAll: true });
    assert.equal(now.reset.length, 3);
    assert.equal(now.killPod || now.createSandbox || now.start.length + now.kill.length > 0, false);
    assert.equal(isIdle(now), false);
    const next = computeActions({ ...input, state: holding() });
    assert.deepEqual(
      next.startInit.map(({ spec: { name } }) => name),
      ['setup'],
    );
    assert.equal(next.createSandbox, false);
  });

  it('is shown by a condition until all are gone, and by the reason of those that are', () => {
    const input = (state: PodRuntimeState, previous: StatusInput['previous']): StatusInput => ({
      pod: web,
      state,
      previous,
      failure: quiet,
      probes: { readiness: quiet, startup: quiet },
      terminationMessage: quiet,
      hostIPs: ['192.0.2.1'],
      runtimeName: 'containerd',
      isTerminal: false,
      isComplete: true,
      now: 0,
    });
    const condition = (status: StatusInput['previous']): string | undefined =>
      status.conditions?.find(({ type }) => type === 'AllContainersRestarting')?.status;
    const asked = podStatus(input(all, {}));
    assert.equal(condition(asked), 'True');
    assert.equal(asked.phase, 'Running');
    const cleared = podStatus(input(holding(), asked));
    assert.equal(condition(cleared), 'False');
    assert.equal(cleared.phase, 'Running');
    const main = cleared.containerStatuses?.find(({ name }) => name === 'main');
    assert.equal(main?.state?.waiting?.reason, 'RestartingAllContainers');
    assert.equal(main.lastState?.terminated?.reason, 'RestartingAllContainers');
    assert.equal(main.restartCount, 1);
    assert.equal(cleared.conditions?.find(({ type }) => type === 'Initialized')?.status, 'True');
  });
});
