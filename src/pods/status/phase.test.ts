import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, ContainerState, ContainerStatus } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import { podPhase, type PodPhase } from './phase.ts';

type Word = 'creating' | 'running' | 'done' | 'failed' | 'crashing' | 'again' | 'absent' | 'starting';

const states: Readonly<
  Record<Exclude<Word, 'absent'>, { state: ContainerState; lastState?: ContainerState }>
> = {
  creating: { state: { waiting: { reason: 'ContainerCreating' } } },
  running: { state: { running: {} } },
  starting: { state: { running: {} } },
  done: { state: { terminated: { exitCode: 0 } } },
  failed: { state: { terminated: { exitCode: 1 } } },
  crashing: {
    state: { waiting: { reason: 'CrashLoopBackOff' } },
    lastState: { terminated: { exitCode: 1 } },
  },
  again: { state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: { exitCode: 0 } } },
};

function statuses(names: readonly string[], words: readonly Word[]): ContainerStatus[] {
  return words.flatMap((word, index): ContainerStatus[] => {
    if (word === 'absent') return [];
    const rest = { ready: false, restartCount: 0, image: '', imageID: '', started: word === 'running' };
    return [{ name: names[index] ?? '', ...states[word], ...rest }];
  });
}

interface Row {
  readonly what: string;
  readonly policy?: string;
  /** init containers that end */
  readonly init?: readonly Word[];
  readonly sidecars?: readonly Word[];
  readonly regular: readonly Word[];
  readonly isTerminal?: boolean;
  readonly isInitialized?: boolean;
  readonly isStatic?: boolean;
  readonly expected: PodPhase;
}

const rows: readonly Row[] = [
  { what: 'nothing yet', regular: ['creating'], expected: 'Pending' },
  { what: 'all run', regular: ['running', 'running'], expected: 'Running' },
  { what: 'one has yet to start', regular: ['running', 'creating'], expected: 'Pending' },
  { what: 'one is not told of', regular: ['running', 'absent'], expected: 'Pending' },
  { what: 'one runs, one is over', policy: 'Never', regular: ['running', 'failed'], expected: 'Running' },
  { what: 'all succeeded', policy: 'Never', regular: ['done', 'done'], expected: 'Succeeded' },
  { what: 'one failed', policy: 'Never', regular: ['done', 'failed'], expected: 'Failed' },
  {
    what: 'one failed and will begin again',
    policy: 'OnFailure',
    regular: ['done', 'failed'],
    expected: 'Running',
  },
  { what: 'a crash loop', regular: ['crashing'], expected: 'Running' },
  { what: 'a crash loop that is over', regular: ['again'], isTerminal: true, expected: 'Failed' },
  {
    what: 'a static pod that is stopped',
    regular: ['failed'],
    isTerminal: true,
    isStatic: true,
    expected: 'Running',
  },
  { what: 'stopped', regular: ['failed'], isTerminal: true, expected: 'Failed' },
  { what: 'an init container runs', init: ['running'], regular: ['creating'], expected: 'Pending' },
  {
    what: 'an init container failed for good',
    policy: 'Never',
    init: ['failed'],
    regular: ['creating'],
    expected: 'Failed',
  },
  { what: 'an init container failed', init: ['failed'], regular: ['creating'], expected: 'Pending' },
  { what: 'an init container crashes', init: ['crashing'], regular: ['creating'], expected: 'Pending' },
  { what: 'initialized', init: ['done'], regular: ['running'], expected: 'Running' },
  {
    what: 'an init container runs again in a new sandbox',
    init: ['running'],
    regular: ['failed'],
    expected: 'Pending',
  },
  {
    what: 'stopped while initializing',
    init: ['running'],
    regular: ['creating'],
    isTerminal: true,
    expected: 'Failed',
  },
  {
    what: 'a sidecar that has not started',
    sidecars: ['starting'],
    regular: ['creating'],
    expected: 'Pending',
  },
  {
    what: 'a sidecar that starts again beside what runs',
    sidecars: ['starting'],
    regular: ['running'],
    isInitialized: true,
    expected: 'Running',
  },
  {
    what: 'a sidecar that starts in a new sandbox',
    sidecars: ['starting'],
    regular: ['failed'],
    expected: 'Pending',
  },
  {
    what: 'a sidecar that was never made beside what runs',
    sidecars: ['creating'],
    regular: ['running'],
    isInitialized: true,
    expected: 'Pending',
  },
  {
    what: 'a sidecar still runs after all else succeeded',
    policy: 'Never',
    sidecars: ['running'],
    regular: ['done'],
    isInitialized: true,
    expected: 'Running',
  },
  {
    what: 'a sidecar failed after all else succeeded',
    policy: 'Never',
    sidecars: ['failed'],
    regular: ['done'],
    isInitialized: true,
    expected: 'Succeeded',
  },
];

describe('the phase of a pod', () => {
  for (const row of rows)
    it(`${row.what}: ${row.expected}`, () => {
      const { policy = 'Always', init = [], sidecars = [], regular, isStatic = false } = row;
      const named = (prefix: string, list: readonly Word[], more: Partial<Container> = {}): Container[] =>
        list.map((_, index) => ({ name: `${prefix}${index}`, image: 'i', ...more }));
      const specs = {
        init: [...named('i', init), ...named('s', sidecars, { restartPolicy: 'Always' })],
        regular: named('c', regular),
      };
      const names = (list: readonly Container[]): string[] => list.map(({ name }) => name);
      const found = podPhase({
        pod: pod({
          metadata: isStatic ? { annotations: { 'kubernetes.io/config.source': 'file' } } : {},
          spec: { restartPolicy: policy, containers: specs.regular, initContainers: specs.init },
        }),
        init: statuses(names(specs.init), [...init, ...sidecars]),
        regular: statuses(names(specs.regular), regular),
        isTerminal: row.isTerminal ?? false,
        isInitialized: row.isInitialized ?? false,
      });
      assert.equal(found, row.expected);
    });
});
