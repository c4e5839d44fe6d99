import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodRuntimeState } from './runtime-state.ts';
import { container, pod, sandbox } from '../testing/fixtures.ts';
import { isUp, mayRun, runsNamesake } from './holds.ts';

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

describe('whether all of a pod runs', () => {
  const subject = pod({
    spec: { initContainers: [{ name: 'setup' }], containers: [{ name: 'app' }, { name: 'proxy' }] },
  });
  const up = [sandbox({ id: 'old', ready: false }), sandbox({ id: 'new' })];
  const seen = (app: 'running' | 'exited' | 'created', proxy: 'running' | 'exited') => [
    container({ id: 'i', name: 'setup', state: 'exited' }),
    container({ id: 'a', name: 'app', state: app }),
    container({ id: 'p', name: 'proxy', state: proxy }),
  ];
  const rows: { name: string; of: PodRuntimeState | undefined; expect: boolean }[] = [
    { name: 'nothing is held', of: undefined, expect: false },
    {
      name: 'all of its own run',
      of: state({ sandboxes: up, containers: seen('running', 'running') }),
      expect: true,
    },
    {
      name: 'one has exited',
      of: state({ sandboxes: up, containers: seen('running', 'exited') }),
      expect: false,
    },
    {
      name: 'one was only made',
      of: state({ sandboxes: up, containers: seen('created', 'running') }),
      expect: false,
    },
    {
      name: 'one is missing',
      of: state({ sandboxes: up, containers: seen('running', 'running').slice(0, 2) }),
      expect: false,
    },
    {
      name: 'one was started again',
      of: state({
        sandboxes: up,
        containers: [container({ id: 'a2', name: 'app', state: 'running' }), ...seen('exited', 'running')],
      }),
      expect: true,
    },
    {
      name: 'its sandbox has stopped',
      of: state({ sandboxes: up.slice(0, 1), containers: seen('running', 'running') }),
      expect: false,
    },
    {
      name: 'not all of it could be looked at',
      of: state({ sandboxes: up, containers: seen('running', 'running'), fault: 'odd status' }),
      expect: false,
    },
  ];
  for (const { name, of, expect } of rows)
    it(name, () => {
      assert.equal(isUp(subject, of), expect);
    });
});
