import assert from 'node:assert/strict';
import { it } from 'node:test';
import { callsBetween, parseCounts } from './call-counts.ts';

const page = (status: number): string => `# HELP kubelet_runtime_operations_total text
# TYPE kubelet_runtime_operations_total counter
kubelet_runtime_operations_total{operation_type="status"} ${status}
kubelet_runtime_operations_total{operation_type="version"} 1
kubelet_runtime_operations_errors_total{operation_type="status"} 9
rest_client_requests_total{code="201",method="POST",host="h"} 3
rest_client_requests_total{code="409",method="POST",host="h"} 1
`;

it('counts of calls are read, summed over other labels, and compared', () => {
  const [before, after] = [parseCounts(page(2)), parseCounts(page(12))];
  assert.deepEqual([...before.api], [['POST', 4]]);
  assert.deepEqual(callsBetween(before.cri, after.cri, 5), { total: 2, each: { status: 2 } });
  assert.deepEqual(callsBetween(before.api, after.api, 5), { total: 0, each: {} });
});
