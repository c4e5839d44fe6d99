import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { admissionReason, boundedLabels } from './bounded-labels.ts';
import { createMetrics } from './metrics.ts';

describe('labels that others choose', () => {
  it('take so many values, and then one', () => {
    const bound = boundedLabels(['reason']);
    const first = Array.from({ length: 64 }, (_, index) => bound({ reason: `r${index}`, code: index }));
    assert.deepEqual(first[63], { reason: 'r63', code: 63 });
    assert.deepEqual(bound({ reason: 'r64', code: 64 }), { reason: 'Other', code: 64 });
    assert.deepEqual(bound({ reason: 'r0', code: 64 }), { reason: 'r0', code: 64 });
  });

  it('are short', () => {
    assert.deepEqual(boundedLabels(['reason'])({ reason: 'x'.repeat(65) }), { reason: 'Other' });
  });

  it('are bound however a metric is told', () => {
    const metrics = createMetrics({ node: 'n', kubeletVersion: 'v1.36.3' });
    for (let index = 0; index < 200; index += 1) {
      const [name, code] = [`handler-${index}`, String(index)];
      metrics.kubelet_run_podsandbox_duration_seconds.observe({ runtime_handler: name }, 1);
      metrics.kubelet_run_podsandbox_errors_total.inc({ runtime_handler: name });
      metrics.kubelet_terminated_containers_total.inc({
        container_type: 'container',
        exit_code: code,
        reason: 'x',
      });
      metrics.volume_manager_total_volumes.inc({ plugin_name: name, state: 'desired_state_of_world' }, 2);
    }
    const series = (name: string): number =>
      (metrics.family(name)?.lines() ?? '')
        .split('\n')
        .filter((line) => /(?:_count|_total|_volumes)\{/.test(line)).length;
    for (const name of [
      'kubelet_run_podsandbox_duration_seconds',
      'kubelet_run_podsandbox_errors_total',
      'kubelet_terminated_containers_total',
      'volume_manager_total_volumes',
    ])
      assert.equal(series(name), 65, name);
  });
});

describe('reasons of admission', () => {
  const rows: [reason: string, label: string][] = [
    ['OutOfcpu', 'OutOfcpu'],
    ['OutOfpods', 'OutOfpods'],
    ['OutOfexample.com/widget-17', 'OutOfExtendedResources'],
    ['Evicted', 'Evicted'],
    ['NodeAffinity', 'Other'],
    ['anything else', 'Other'],
  ];
  for (const [reason, label] of rows)
    it(`${reason}: ${label}`, () => {
      assert.equal(admissionReason(reason), label);
    });
});
