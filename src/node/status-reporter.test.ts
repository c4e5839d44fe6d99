import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostFacts } from '../hosts/facts.ts';
import type { KubeNode } from '../model/kube.ts';
import { FakeClock, quietLog } from '../testing/fixtures.ts';
import { Beat } from '../util/beat.ts';
import { rfc3339 } from '../util/clock.ts';
import type { NodeHosts } from './node-hosts.ts';
import { requiredLabels } from './node-object.ts';
import type { NodeTransitions } from './node-transitions.ts';
import type { RegisteredNode } from './registered-node.ts';
import { StatusReporter } from './status-reporter.ts';

const signal = new AbortController().signal;

/** A status of which nothing changes but when it was looked at, reported on each tick for so many minutes. */
async function reports(minutes: number, { updateMs, reportMs }: { updateMs: number; reportMs: number }) {
  const clock = new FakeClock();
  const beat = new Beat(clock, 0);
  const status = () => ({
    conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: rfc3339(clock.now()) }],
  });
  const labels = requiredLabels({}, 'amd64');
  let node = { metadata: { name: 'n', uid: 'u', labels }, status: status() } as unknown as KubeNode;
  const written: number[] = [];
  const reporter = new StatusReporter({
    client: {
      patch: async <T>() => {
        // as a write takes a while, the next look comes a little sooner than it is old
        await clock.sleep(40);
        written.push(clock.monotonic());
        node = { ...node, status: status() };
        return node as unknown as T;
      },
    },
    node: 'n',
    hosts: {
      assignPodCIDRs: () => Promise.resolve(),
      factsInTime: () => Promise.resolve({ architecture: 'amd64' } as HostFacts),
      status,
    } as unknown as NodeHosts,
    registered: { current: () => node, written: () => undefined } as unknown as RegisteredNode,
    transitions: { schedulable: () => undefined, status: () => undefined } as unknown as NodeTransitions,
    reportMs,
    beat,
    clock,
    log: quietLog,
  });
  for (const end = clock.monotonic() + minutes * 60_000; clock.monotonic() < end;) {
    await clock.advance(beat.until(updateMs));
    const reported = reporter.report({ signal, hurry: signal });
    await clock.advance(100);
    await reported;
  }
  return written.length;
}

describe('the status of a Node of which nothing changes', () => {
  for (const { updateMs, reportMs, count } of [
    { updateMs: 10_000, reportMs: 10_000, count: 60 },
    { updateMs: 10_000, reportMs: 30_000, count: 20 },
    { updateMs: 10_000, reportMs: 300_000, count: 2 },
  ])
    it(`is reported every ${reportMs / 1000} s, looked at every ${updateMs / 1000} s`, async () => {
      assert.equal(await reports(10, { updateMs, reportMs }), count);
    });
});
