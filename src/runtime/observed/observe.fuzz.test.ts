import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { loadSync } from '@grpc/proto-loader';
import fc from 'fast-check';
import type { ContainerStatus__Output } from '../../hosts/cri/generated/runtime/v1/ContainerStatus.ts';
import type { PodSandboxStatus__Output } from '../../hosts/cri/generated/runtime/v1/PodSandboxStatus.ts';
import { containerStatus } from '../../pods/status/container-status.ts';
import { damaged, fuzz } from '../../testing/fuzz.ts';
import { pod } from '../../testing/fixtures.ts';
import { killGraceSeconds, killSubject } from '../stop/kill-subject.ts';
import { observedContainer, observedSandbox } from './observe.ts';

/** As src/hosts/cri/connect.ts loads it. */
const proto = loadSync(new URL('../../../proto/cri.proto', import.meta.url).pathname, {
  keepCase: true,
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
});

interface Method {
  readonly responseSerialize: (value: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => object;
}
const service = proto['runtime.v1.RuntimeService'] as unknown as Record<
  'ContainerStatus' | 'PodSandboxStatus',
  Method
>;

const int64 = fc.constantFrom(
  '0',
  '-1',
  '1',
  '9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
);
const text = fc.constantFrom(
  '',
  '0',
  '-1',
  '1e9',
  '99999999999999999999',
  'x',
  '\u0000',
  'constructor',
  '{"exec":5}',
);
const container = fc
  .record({
    state: fc.constantFrom(0, 1, 2, 3, 4, 77, -1),
    metadata: fc.option(fc.record({ name: text, attempt: fc.nat() })),
    id: text,
    created_at: int64,
    started_at: int64,
    finished_at: int64,
    exit_code: fc.integer(),
    reason: text,
    message: text,
    annotations: fc.dictionary(
      fc.constantFrom(
        ...['__proto__', 'constructor', 'io.kubernetes.container.restartCount'],
        ...['io.kubernetes.pod.terminationGracePeriod', 'io.kubernetes.container.preStopHandler'],
      ),
      text,
    ),
    resources: fc.option(
      fc.record({
        linux: fc.option(
          fc.record({ cpu_period: int64, cpu_quota: int64, cpu_shares: int64, memory_limit_in_bytes: int64 }),
        ),
      }),
    ),
    user: fc.option(
      fc.record({ linux: fc.option(fc.record({ uid: int64, supplemental_groups: fc.array(int64) })) }),
    ),
  })
  .map((status) => service.ContainerStatus.responseSerialize({ status }));

fuzz(
  'CRI answers: statuses of containers',
  fc.oneof(
    container,
    container.chain((bytes) => damaged(bytes)),
  ),
  (bytes) => {
    const answer = decoded('ContainerStatus', bytes) as ContainerStatus__Output | undefined;
    if (answer === undefined) return;
    const observed = observedContainer(answer, 's1');
    assert.ok(['created', 'running', 'exited', 'unknown'].includes(observed.state));
    const status = containerStatus({
      pod: pod(),
      container: { type: 'container', sidecar: false, spec: { name: 'c', image: 'i' } },
      observed: [observed],
      previous: undefined,
      failure: undefined,
      willRestart: true,
      runtimeName: 'containerd',
      recursiveReadOnly: false,
      terminationMessage: () => undefined,
      isComplete: true,
    });
    assert.ok(Number.isInteger(status.restartCount) && status.restartCount >= 0, String(status.restartCount));
    assert.deepEqual(JSON.parse(JSON.stringify(status)), status);
    const subject = killSubject(undefined, observed, { uid: 'u', name: 'n', namespace: 'd' });
    assert.ok(Number.isSafeInteger(killGraceSeconds(subject, 'pod-deleted')));
  },
);

const addresses = fc.constantFrom(
  '',
  '10.0.0.1',
  'fd00::1',
  '999.1.1.1',
  'x',
  '10.0.0.1\n',
  '::ffff:10.0.0.1',
);
const sandbox = fc
  .record({
    id: text,
    state: fc.constantFrom(0, 1, 2, 99),
    network: fc.option(
      fc.record({ ip: addresses, additional_ips: fc.array(fc.record({ ip: addresses }), { maxLength: 4 }) }),
    ),
  })
  .map((status) => service.PodSandboxStatus.responseSerialize({ status }));

fuzz(
  'CRI answers: statuses of sandboxes',
  fc.oneof(
    sandbox,
    sandbox.chain((bytes) => damaged(bytes)),
  ),
  (bytes) => {
    const answer = decoded('PodSandboxStatus', bytes) as PodSandboxStatus__Output | undefined;
    if (answer === undefined) return;
    const { ips } = observedSandbox(answer);
    assert.ok(ips.every((ip) => isIP(ip) !== 0));
  },
);

/** undefined where it is no message, as the call fails then, or holds no status. */
function decoded(method: keyof typeof service, bytes: Buffer): unknown {
  try {
    const { status } = service[method].responseDeserialize(bytes) as { status: object | null };
    return status ?? undefined;
  } catch {
    return undefined;
  }
}
