/** From what was seen to the form of the recordings. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { withoutZeroes, type ProxiedCall } from '../harness/cri-proxy.ts';
import { callsOf } from './cri-log.ts';
import { eventLines, type EventObject } from './event-lines.ts';
import { inParallel } from './in-parallel.ts';
import { goldenCases, readCase, writeRecording } from './recording.ts';
import { isUntouched, shortForm, type WatchedPod } from './short-form.ts';
import { inWords, type Run } from './words.ts';

const run: Run = {
  namespace: 'golden-env',
  usedNamespace: 'golden-env-1-6',
  uid: '6f2c5a51-1111-4222-8333-444455556666',
  podIPs: ['10.213.1.2'],
  hostIPs: ['127.0.10.1'],
  serviceIPs: ['10.96.7.7'],
  node: 'edge',
  rootDir: '/tmp/x/farlet',
  podLogsDir: '/tmp/x/logs',
};
const id = 'ab'.repeat(32);

describe('words for what differs from run to run', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['2026-11-23T10:00:00Z', '<time>'],
    ['2026-11-23T10:00:00.123456789+01:00', '<time>'],
    ['drwxr-xr-x 2 0 0 4096 Nov 23 10:01 /e', 'drwxr-xr-x 2 0 0 4096 <date> /e'],
    [`containerd://${id}`, 'containerd://<id>'],
    ['pod_golden-env-1-6(6f2c5a51-1111-4222-8333-444455556666)', 'pod_golden-env(<uid>)'],
    ['golden-env-1-6.svc.cluster.local', 'golden-env.svc.cluster.local'],
    ['tcp://10.96.7.7:80', 'tcp://<serviceIP>:80'],
    ['dial tcp 10.213.1.2:8080', 'dial tcp <podIP>:8080'],
    ['10.213.1.23', '10.213.1.23'],
    ['127.0.10.1', '<hostIP>'],
    ['edge', '<node>'],
    ['on the edge of', 'on the edge of'],
    ['kube-api-access-x7k2p', 'kube-api-access-<x>'],
    [`/tmp/x/farlet/pods/${run.uid}/containers/c/0a1b2c3d`, '<rootDir>/pods/<uid>/containers/c/<x>'],
    ['/tmp/x/logs/a', '/var/log/pods/a'],
  ];
  for (const [given, expected] of rows)
    it(`${given} is ${expected}`, () => {
      assert.deepEqual(inWords({ deep: [given] }, run), { deep: [expected] });
    });
});

describe('the short form of a status', () => {
  const metadata = { name: 'pod', namespace: 'n', uid: 'u' };
  const container = (change: object): string | undefined => {
    const status = { phase: 'Running', containerStatuses: [{ name: 'c', ...change }] };
    return shortForm({ metadata, status }).containerStatuses?.[0];
  };
  const rows: readonly (readonly [object, string])[] = [
    [{ state: { waiting: {} } }, 'c: waiting last=- ready=false started=none restarts=0 id=none'],
    [
      { state: { waiting: { reason: 'A', message: 'say "b"' } }, started: false, restartCount: 2 },
      'c: waiting(A, message="say \\"b\\"") last=- ready=false started=false restarts=2 id=none',
    ],
    [
      { state: { running: {} }, ready: true, started: true, containerID: 'x' },
      'c: running last=- ready=true started=true restarts=0 id=set',
    ],
    [
      { state: { running: {} }, lastState: { terminated: { exitCode: 9, reason: 'Error', signal: 9 } } },
      'c: running last=terminated(Error, exitCode=9, signal=9) ready=false started=none restarts=0 id=none',
    ],
  ];
  for (const [given, expected] of rows)
    it(expected, () => {
      assert.equal(container(given), expected);
    });

  it('has what the status has, and no more', () => {
    const pod: WatchedPod = {
      metadata: { ...metadata, deletionTimestamp: 't' },
      status: {
        phase: 'Failed',
        reason: 'R',
        message: 'm',
        startTime: 't',
        conditions: [
          { type: 'Ready', status: 'False', reason: 'PodFailed' },
          { type: 'X', status: 'True', message: 'y' },
        ],
      },
    };
    assert.deepEqual(shortForm(pod), {
      phase: 'Failed',
      deleting: true,
      reason: 'R',
      message: 'm',
      startTime: 'set',
      conditions: ['Ready=False PodFailed', 'X=True: y'],
    });
  });

  it('begins when somebody says something of the pod', () => {
    assert.equal(isUntouched({ metadata, status: { phase: 'Pending' } }), true);
    assert.equal(isUntouched({ metadata, status: { phase: 'Pending', startTime: 't' } }), false);
  });
});

describe('calls of a pod', () => {
  const exec = { call: 'ExecSync', request: { container_id: 'c1', cmd: ['true'] } };
  const calls: ProxiedCall[] = [
    {
      call: 'RunPodSandbox',
      request: { config: { metadata: { namespace: 'a' } } },
      error: { code: 2, message: 'no' },
    },
    {
      call: 'RunPodSandbox',
      request: { config: { metadata: { namespace: 'a' } } },
      response: { pod_sandbox_id: 's1' },
    },
    {
      call: 'RunPodSandbox',
      request: { config: { metadata: { namespace: 'b' } } },
      response: { pod_sandbox_id: 's2' },
    },
    {
      call: 'PullImage',
      request: { image: { image: 'i' }, sandbox_config: { metadata: { namespace: 'a' } } },
      response: {},
    },
    {
      call: 'CreateContainer',
      request: {
        pod_sandbox_id: 's1',
        config: { metadata: { name: 'c' }, envs: [{ key: 'B' }, { key: 'A' }] },
        sandbox_config: {},
      },
      response: { container_id: 'c1' },
    },
    exec,
    { ...exec, error: { code: 1, message: 'cancelled' } },
    { call: 'ExecSync', request: { container_id: 'c2' } },
    { call: 'StopPodSandbox', request: { pod_sandbox_id: 's1' }, response: {} },
  ];

  it('are told with names for ids, and equal runs of a command counted', () => {
    assert.deepEqual(callsOf('a', calls), [
      {
        call: 'RunPodSandbox',
        error: { code: 2, message: 'no' },
        request: { config: { metadata: { namespace: 'a' } } },
      },
      { call: 'RunPodSandbox', request: { config: { metadata: { namespace: 'a' } } } },
      { call: 'PullImage', request: { image: { image: 'i' } } },
      {
        call: 'CreateContainer',
        request: {
          pod_sandbox_id: '<sandbox>',
          config: { metadata: { name: 'c' }, envs: [{ key: 'A' }, { key: 'B' }] },
        },
      },
      { call: 'ExecSync', request: { container_id: '<c>', cmd: ['true'] }, times: 2 },
      { call: 'StopPodSandbox', request: { pod_sandbox_id: '<sandbox>' } },
    ]);
  });

  it('are without what is zero, but for the values of maps', () => {
    const named = { a: '0', b: 'POD', c: '', labels: { x: '' }, inner: { n: '5' }, list: [], kept: {} };
    const numbered = { a: 0, b: 0, c: '', labels: { x: '' }, inner: { n: 5 }, list: [], kept: {} };
    assert.deepEqual(withoutZeroes(named, numbered), { labels: { x: '' }, inner: { n: '5' }, kept: {} });
    assert.deepEqual(withoutZeroes({ env: '0' }, { env: '0' }), { env: '0' });
  });
});

describe('events of a pod', () => {
  const event = (change: object): EventObject => ({
    metadata: { name: 'pod.1' },
    type: 'Normal',
    reason: 'R',
    message: 'm',
    firstTimestamp: '2026-11-23T10:00:00Z',
    source: { component: 'kubelet' },
    involvedObject: { kind: 'Pod' },
    ...change,
  });
  it("are the kubelet's, in order", () => {
    const lines = eventLines([
      event({ firstTimestamp: '2026-11-23T10:00:01Z', reason: 'Third' }),
      event({ metadata: { name: 'pod.2' }, reason: 'Second' }),
      event({ involvedObject: { kind: 'Pod', fieldPath: 'spec.containers{c}' }, reason: 'First' }),
      event({ source: { component: 'default-scheduler' } }),
      event({ involvedObject: { kind: 'ReplicaSet' } }),
    ]);
    assert.deepEqual(lines, ['Normal First spec.containers{c}: m', 'Normal Second: m', 'Normal Third: m']);
  });
});

describe('files of recordings', () => {
  it('are read again as they were written', () => {
    const folder = mkdtempSync('/tmp/farlet-golden-');
    try {
      for (const each of goldenCases()) {
        const file = `${folder}/${each.name}.yaml`;
        writeFileSync(file, writeRecording(each, each));
        assert.deepEqual(readCase(file), each);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('work in parallel', () => {
  it('has no more under way than allowed, and one failure ends no other', async () => {
    let underWay = 0;
    let most = 0;
    const results = inParallel([1, 2, 3, 4, 5], 2, async (item) => {
      underWay += 1;
      most = Math.max(most, underWay);
      await Promise.resolve();
      underWay -= 1;
      if (item === 2) throw new Error('two');
      return item * 10;
    });
    const ends = await Promise.allSettled(results.values());
    assert.deepEqual(
      ends.map((end) => (end.status === 'fulfilled' ? end.value : 'failed')),
      [10, 'failed', 30, 40, 50],
    );
    assert.equal(most, 2);
  });
});
