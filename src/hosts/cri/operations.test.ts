import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { boundedTimeout, operationType, timeoutMs } from './operations.ts';

describe('operation types', () => {
  const rows: Record<string, string> = {
    Version: 'version',
    RunPodSandbox: 'run_podsandbox',
    PodSandboxStatus: 'podsandbox_status',
    ListPodSandbox: 'list_podsandbox',
    ListPodSandboxStats: 'list_podsandbox_stats',
    ListContainers: 'list_containers',
    UpdateContainerResources: 'update_container',
    ReopenContainerLog: 'reopen_container_log',
    ImageFsInfo: 'image_fs_info',
    ExecSync: 'exec_sync',
  };
  for (const [method, expected] of Object.entries(rows)) {
    it(method, () => {
      assert.equal(operationType(method), expected);
    });
  }
});

describe('deadlines', () => {
  const rows: { method: string; request: object; own?: number; expect: number | undefined }[] = [
    { method: 'Status', request: {}, expect: 120_000 },
    { method: 'Status', request: {}, own: 5_000, expect: 5_000 },
    { method: 'RunPodSandbox', request: {}, expect: 240_000 },
    { method: 'StopContainer', request: { timeout: 30 }, expect: 150_000 },
    { method: 'ExecSync', request: { timeout: 1 }, expect: 121_000 },
    { method: 'ExecSync', request: {}, expect: undefined },
    { method: 'PullImage', request: {}, expect: undefined },
  ];
  for (const { method, request, own, expect } of rows) {
    it(`${method} ${JSON.stringify(request)} ${own ?? ''}`, () => {
      assert.equal(timeoutMs(method, request, own === undefined ? {} : { timeoutMs: own }), expect);
    });
  }
});

describe('a timeout that a runtime gets', () => {
  const rows: [asked: object, given: object][] = [
    [
      { container_id: 'a', timeout: 2_147_483_647 },
      { container_id: 'a', timeout: 2_147_483_647 },
    ],
    // 2^63 - 1 seconds, as JSON has it: it would become negative in 64 bits, and then again as a Go duration
    [
      { container_id: 'a', timeout: Number('9223372036854775807') },
      { container_id: 'a', timeout: 9_000_000_000 },
    ],
    [{ container_id: 'a' }, { container_id: 'a' }],
  ];
  for (const [asked, given] of rows)
    it(JSON.stringify(asked), () => {
      assert.deepEqual(boundedTimeout(asked), given);
    });
});
