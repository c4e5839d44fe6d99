import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CriError } from '../../model/errors.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { criObserver, requestObserver, usageObserver } from './observers.ts';

const setUp = () => createMetrics({ node: 'a', kubeletVersion: 'v1.36.3' });
const linesOf = (metrics: ReturnType<typeof setUp>, name: string): string[] =>
  (metrics.family(name)?.lines() ?? '').split('\n').filter((line) => line !== '');

describe('calls of a host’s runtime', () => {
  const failed = (description: string) =>
    new CriError({
      kind: 'not-found',
      method: 'ContainerStatus',
      host: 'box',
      code: 5,
      codeName: 'NotFound',
      description,
    });

  it('are counted by method and code, whatever runtimes say of them', () => {
    const metrics = setUp();
    const call = criObserver(metrics, 'box');
    call({ operation: 'container_status', seconds: 0.1, error: undefined });
    for (const text of ['no container a', 'no container b'])
      call({ operation: 'container_status', seconds: 0.1, error: failed(text) });
    assert.deepEqual(linesOf(metrics, 'farlet_host_rpcs_total'), [
      'farlet_host_rpcs_total{host="box",method="container_status",code="OK"} 1',
      'farlet_host_rpcs_total{host="box",method="container_status",code="NotFound"} 2',
    ]);
    assert.deepEqual(linesOf(metrics, 'kubelet_runtime_operations_errors_total'), [
      'kubelet_runtime_operations_errors_total{operation_type="container_status"} 2',
    ]);
  });

  it('are round trips where the runtime only says how it is, and answers', () => {
    const metrics = setUp();
    const call = criObserver(metrics, 'box');
    call({ operation: 'status', seconds: 0.02, error: undefined });
    call({ operation: 'status', seconds: 10, error: failed('cut') });
    call({ operation: 'stop_container', seconds: 30, error: undefined });
    const lines = linesOf(metrics, 'farlet_host_round_trip_seconds');
    assert.ok(lines.includes('farlet_host_round_trip_seconds_count{host="box"} 1'), lines.join('\n'));
  });
});

it('requests of a host’s shells are timed if they were answered, and counted if not', () => {
  const metrics = setUp();
  const tell = requestObserver(metrics, 'box');
  tell({ pace: 'quick', seconds: 0.1, answered: true });
  tell({ pace: 'risky', seconds: 20, answered: false });
  const timed = linesOf(metrics, 'farlet_host_request_duration_seconds');
  assert.ok(timed.includes('farlet_host_request_duration_seconds_count{host="box",pace="quick"} 1'));
  assert.ok(!timed.some((line) => line.includes('risky')));
  assert.deepEqual(linesOf(metrics, 'farlet_host_request_errors_total'), [
    'farlet_host_request_errors_total{host="box",pace="risky"} 1',
  ]);
});

it('looks at what a host uses are counted by how they ended', () => {
  const metrics = setUp();
  const tell = usageObserver(metrics, 'box');
  tell({ detail: 'full', seconds: 0.3, failed: false });
  tell({ detail: 'brief', seconds: 15, failed: true });
  assert.deepEqual(linesOf(metrics, 'farlet_usage_readings_total'), [
    'farlet_usage_readings_total{host="box",result="read"} 1',
    'farlet_usage_readings_total{host="box",result="failed"} 1',
  ]);
  const timed = linesOf(metrics, 'farlet_usage_reading_duration_seconds');
  assert.ok(timed.includes('farlet_usage_reading_duration_seconds_count{host="box",detail="full"} 1'));
});
