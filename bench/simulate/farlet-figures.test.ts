import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allSynced, delayQuantile, nothingYet, parseFigures, utilization } from './farlet-figures.ts';

const page = (change: { active: number; idle: number; fast: number; slow: number }): string => `
# HELP nodejs_eventloop_time_seconds_total Seconds
nodejs_eventloop_time_seconds_total{state="active"} ${change.active}
nodejs_eventloop_time_seconds_total{state="idle"} ${change.idle}
nodejs_eventloop_delay_seconds_bucket{le="0.05"} ${change.fast}
nodejs_eventloop_delay_seconds_bucket{le="0.1"} ${change.fast + change.slow}
nodejs_eventloop_delay_seconds_bucket{le="+Inf"} ${change.fast + change.slow}
farlet_api_watches{state="open"} 6
farlet_api_watches{state="waiting"} 1
kubelet_node_name{node="a"} 1
kubelet_node_name{node="b"} 1
kubelet_pod_worker_duration_seconds_count{node="a",operation_type="create"} 2
kubelet_pod_worker_duration_seconds_count{node="b",operation_type="create"} 1
kubelet_pod_worker_duration_seconds_count{node="b",operation_type="sync"} 7
volume_manager_total_volumes{node="a",plugin_name="kubernetes.io/projected",state="actual_state_of_world"} 3
volume_manager_total_volumes{node="b",plugin_name="kubernetes.io/projected",state="actual_state_of_world"} 1
volume_manager_total_volumes{node="b",plugin_name="kubernetes.io/projected",state="desired_state_of_world"} 2
kubelet_runtime_operations_total{node="a",operation_type="create_container"} 3
`;
const before = parseFigures(page({ active: 1, idle: 9, fast: 100, slow: 0 }));
const after = parseFigures(page({ active: 4, idle: 16, fast: 190, slow: 10 }));

describe('what farlet tells of itself', () => {
  it('is summed over nodes, by its labels', () => {
    const { nodes, watches, begun, mounted, containers } = after;
    assert.deepEqual(
      [nodes, watches, [...begun], mounted, containers],
      [
        2,
        6,
        [
          ['a', 2],
          ['b', 1],
        ],
        4,
        3,
      ],
    );
  });

  it('gives the share of the time in which the loop was busy, between two looks', () => {
    assert.equal(utilization(before, after), 0.3);
  });

  it('gives the delay that a share of the samples in between did not exceed', () => {
    assert.equal(delayQuantile(0.9, before, after), 0.05);
    assert.equal(delayQuantile(0.95, before, after).toFixed(6), '0.075000');
    assert.ok(Number.isNaN(delayQuantile(0.99, nothingYet, nothingYet)));
  });

  it('shows whether every pod was synced once', () => {
    assert.equal(allSynced(after, { hosts: 2, pods: 1, tokens: true }), true);
    assert.equal(allSynced(after, { hosts: 2, pods: 2, tokens: true }), false);
    assert.equal(allSynced(after, { hosts: 3, pods: 1, tokens: true }), false);
    assert.equal(allSynced({ ...after, mounted: 1 }, { hosts: 2, pods: 1, tokens: true }), false);
    assert.equal(allSynced({ ...after, mounted: 1 }, { hosts: 2, pods: 1, tokens: false }), true);
  });
});
