import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodRuntimeState } from './runtime-state.ts';
import { container, sandbox } from '../testing/fixtures.ts';
import { mayRun, runsNamesake } from './holds.ts';

const state = (more: Partial<PodRuntimeState> = {}): PodRuntimeState => ({
  uid: 'u',
  name: 'web',
  namespace: 'default',
  sandboxes: [],
  containers: [],
  ips: [],
  observedAt: 0,
  ...more,
});
const running = [container({ state: 'running' })];
const exited = [container({ state: 'exited' })];

describe('whether something of a pod may run', () => {
  const rows: { name: string; of: PodRuntimeState | undefined; expect: boolean }[] = [
    { name: 'nothing is held', of: undefined, expect: false },
    { name: 'it holds nothing any more', of: state(), expect: false },
    { name: 'a container runs', of: state({ containers: running }), expect: true },
    { name: 'all have exited', of: state({ containers: exited }), expect: false },
    { name: 'a sandbox is ready', of: state({ sandboxes: [sandbox({ ready: true })] }), expect: true },
    { name: 'its sandbox has stopped', of: state({ sandboxes: [sandbox({ ready: false })] }), expect: false },
    { name: 'not all of it could be looked at', of: state({ fault: 'odd status' }), expect: true },
  ];
  for (const { name, of, expect } of rows)
    it(name, () => {
      assert.equal(mayRun(of), expect);
    });
});

describe('whether a namesake that nobody names runs', () => {
  const ask = (other: PodRuntimeState, known = false): boolean =>
    runsNamesake([other], { uid: 'new', name: 'web', namespace: 'default' }, () => known);
  const old = state({ uid: 'old', containers: running });
  const rows: { name: string; answer: boolean; expect: boolean }[] = [
    { name: 'one does', answer: ask(old), expect: true },
    { name: 'a source names it still', answer: ask(old, true), expect: false },
    { name: 'it is the pod itself', answer: ask({ ...old, uid: 'new' }), expect: false },
    { name: 'another name', answer: ask({ ...old, name: 'db' }), expect: false },
    { name: 'another namespace', answer: ask({ ...old, namespace: 'x' }), expect: false },
    { name: 'it has exited', answer: ask({ ...old, containers: exited }), expect: false },
  ];
  for (const { name, answer, expect } of rows)
    it(name, () => {
      assert.equal(answer, expect);
    });
});
