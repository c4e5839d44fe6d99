import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { container, pod, sandbox } from '../testing/fixtures.ts';
import { podStatus } from './status.ts';

type Result = 'success' | 'failure' | 'unknown' | undefined;

describe('started and ready', () => {
  const rows: {
    name: string;
    startup: Result;
    readiness: Result;
    sameId: boolean;
    expect: [boolean, boolean];
  }[] = [
    {
      name: 'stay what they were until the probes speak',
      startup: undefined,
      readiness: undefined,
      sameId: true,
      expect: [true, true],
    },
    {
      name: 'are not taken over from another container',
      startup: undefined,
      readiness: undefined,
      sameId: false,
      expect: [false, false],
    },
    {
      name: 'follow the probes',
      startup: 'success',
      readiness: 'failure',
      sameId: true,
      expect: [true, false],
    },
    {
      name: 'nothing is ready that has not started',
      startup: 'unknown',
      readiness: 'success',
      sameId: true,
      expect: [false, false],
    },
    { name: 'both well', startup: 'success', readiness: 'success', sameId: false, expect: [true, true] },
  ];
  for (const row of rows) {
    it(row.name, () => {
      const probe = { tcpSocket: { port: 1 } };
      const spec = { name: 'c', image: 'a:1', startupProbe: probe, readinessProbe: probe };
      const of = pod({ spec: { containers: [spec] } });
      const former = {
        name: 'c',
        image: 'a:1',
        imageID: '',
        containerID: row.sameId ? 'containerd://c1' : 'containerd://c0',
        ready: true,
        started: true,
        restartCount: 0,
        state: { running: {} },
      };
      const status = podStatus({
        pod: of,
        state: { ...of.metadata, sandboxes: [sandbox()], containers: [container()], ips: [], observedAt: 0 },
        previous: { containerStatuses: [former] },
        failure: () => undefined,
        probes: { startup: () => row.startup, readiness: () => row.readiness },
        terminationMessage: () => undefined,
        nodeIPs: [],
        runtimeName: 'containerd',
        isTerminal: false,
        isComplete: true,
        now: 0,
      });
      const [shown] = status.containerStatuses ?? [];
      assert.deepEqual([shown?.started, shown?.ready], row.expect);
    });
  }
});
