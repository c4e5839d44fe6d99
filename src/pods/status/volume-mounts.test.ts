import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { VolumeMount } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import { containerStatus } from './container-status.ts';

describe('volumeMounts in a container status', () => {
  const rows: [name: string, mount: Partial<VolumeMount>, can: boolean, expected: object][] = [
    ['a writable mount', {}, true, {}],
    ['a read-only mount', { readOnly: true }, true, { readOnly: true, recursiveReadOnly: 'Disabled' }],
    [
      'if possible, and it is',
      { readOnly: true, recursiveReadOnly: 'IfPossible' },
      true,
      { readOnly: true, recursiveReadOnly: 'Enabled' },
    ],
    [
      'if possible, and it is not',
      { readOnly: true, recursiveReadOnly: 'IfPossible' },
      false,
      { readOnly: true, recursiveReadOnly: 'Disabled' },
    ],
    [
      'required',
      { readOnly: true, recursiveReadOnly: 'Enabled' },
      true,
      { readOnly: true, recursiveReadOnly: 'Enabled' },
    ],
    [
      'required of a runtime that can not',
      { readOnly: true, recursiveReadOnly: 'Enabled' },
      false,
      { readOnly: true, recursiveReadOnly: 'Disabled' },
    ],
    [
      'with propagation, which excludes it',
      { readOnly: true, recursiveReadOnly: 'IfPossible', mountPropagation: 'HostToContainer' },
      true,
      { readOnly: true, recursiveReadOnly: 'Disabled' },
    ],
  ];
  for (const [name, mount, can, expected] of rows)
    it(`tell of ${name}`, () => {
      const spec = { name: 'c', volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }] };
      const status = containerStatus({
        pod: pod(),
        container: { type: 'container', spec, sidecar: false },
        observed: [],
        previous: undefined,
        failure: undefined,
        willRestart: false,
        runtimeName: 'containerd',
        recursiveReadOnly: can,
        terminationMessage: () => undefined,
        isComplete: true,
      });
      assert.deepEqual(status.volumeMounts, [{ name: 'v', mountPath: '/v', ...expected }]);
    });
});
