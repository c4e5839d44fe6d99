/** Shared by unit tests: a base pod to change, a clock that tests move, a log that keeps quiet. */
import { silentLog, type Log } from '../model/log.ts';
import type { Pod } from '../model/kube.ts';
import type { ObservedContainer, ObservedSandbox } from '../model/runtime-state.ts';
import type { LinuxHost, RuntimeSettings } from '../runtime/spec/runtime-settings.ts';
import type { Clock } from '../util/clock.ts';

export function pod(
  change: { metadata?: Partial<Pod['metadata']>; spec?: Partial<Pod['spec']>; status?: Pod['status'] } = {},
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 'uid-web',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...change.metadata,
    },
    spec: {
      nodeName: 'edge-1',
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      enableServiceLinks: true,
      dnsPolicy: 'ClusterFirst',
      securityContext: {},
      containers: [
        { name: 'c', image: 'localhost/busybox:1', imagePullPolicy: 'IfNotPresent', resources: {} },
      ],
      ...change.spec,
    },
    status: change.status ?? { phase: 'Pending' },
  };
}

export function runtimeSettings(change: Partial<RuntimeSettings> = {}): RuntimeSettings {
  return {
    node: 'edge-1',
    cluster: 'c1',
    paths: { rootDir: '/r', podLogsDir: '/var/log/pods', containerLogsDir: '/var/log/containers' },
    clusterDNS: ['10.96.0.10'],
    clusterDomain: 'cluster.local',
    kubernetesService: undefined,
    seccompDefault: false,
    cpuCFSQuota: true,
    cpuCFSQuotaPeriod: 100_000,
    ...change,
  };
}

export function linuxHost(change: Partial<LinuxHost> = {}): LinuxHost {
  return {
    memoryCapacityBytes: 2 ** 34,
    hugePageSizes: [],
    cgroupVersion: 2,
    swapController: false,
    selinux: false,
    thermalThrottleCpus: [],
    ...change,
  };
}

export function sandbox(change: Partial<ObservedSandbox> = {}): ObservedSandbox {
  return {
    id: 's1',
    attempt: 0,
    createdAt: 1_000,
    ready: true,
    ips: ['10.0.0.2'],
    lacksAddress: false,
    hostNetwork: false,
    runtimeHandler: '',
    ...change,
  };
}

export function container(change: Partial<ObservedContainer> = {}): ObservedContainer {
  return {
    id: 'c1',
    name: 'c',
    sandboxId: 's1',
    attempt: 0,
    state: 'running',
    createdAt: 2_000,
    startedAt: 3_000,
    finishedAt: 0,
    exitCode: 0,
    reason: '',
    message: '',
    image: 'localhost/busybox:1',
    imageRef: 'sha256:aa',
    imageId: 'sha256:aa',
    logPath: '',
    annotations: {},
    resources: undefined,
    user: undefined,
    terminationFile: undefined,
    ...change,
  };
}

export const quietLog: Log = silentLog;

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #now: number;
  #timers: { at: number; call: () => void }[] = [];

  constructor(now = 1_700_000_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  sleep(ms: number, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
      };
      if (signal?.aborted === true) {
        giveUp();
        return;
      }
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      });
      signal?.addEventListener(
        'abort',
        () => {
          cancel();
          giveUp();
        },
        { once: true },
      );
    });
  }

  after(ms: number, call: () => void): () => void {
    const timer = { at: this.#now + ms, call };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** how many timers wait */
  get timers(): number {
    return this.#timers.length;
  }

  /** Moves time on as under a loop that is blocked: what fell due meanwhile is fired at the end. */
  late(ms: number): void {
    this.#now += ms;
    const due = this.#timers.filter(({ at }) => at <= this.#now);
    this.#timers = this.#timers.filter(({ at }) => at > this.#now);
    for (const { call } of due) call();
  }

  /** Moves time on, firing what falls due in order, and lets promises settle in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settle();
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#now = next.at;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.call();
    }
    this.#now = end;
    await settle();
  }
}

/** The result of work that is made to be done in turns. */
export function atOnce<T>(work: Generator<undefined, T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

/** Lets everything that is already resolved run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
