/**
 * The probe workers of one node's pods, and the results they came to (pkg/kubelet/prober/prober_manager.go).
 */
import type { Dial } from '../../hosts/link/dial-target.ts';
import type { RuntimeHost } from '../../hosts/runtime-host.ts';
import {
  containerFieldPath,
  findContainerStatus,
  isStatusOf,
  podContainers,
  type PodContainer,
} from '../../model/containers.ts';
import { resolvePort } from '../../model/container-port.ts';
import type { EventRecorder } from '../../model/events.ts';
import { expandStatic } from '../../model/expansion.ts';
import type { Log } from '../../model/log.ts';
import type { Faults } from '../../model/faults.ts';
import type { Pod, Probe } from '../../model/kube.ts';
import { podFields, podReference } from '../../model/pod-ref.ts';
import type { PodLifecycleEvent } from '../../model/pod-update.ts';
import type { Clock } from '../../util/clock.ts';
import { probeExec } from './exec.ts';
import { probeGrpc } from './grpc.ts';
import { httpTarget, probeHttp } from './http.ts';
import { probeOf, probeNames, type ProbeKind, type ProbeOutcome, type ProbeResult } from './probe.ts';
import { ProbeWorker, type ProbedContainer, type ProbeReports } from './probe-worker.ts';
import { probeTcp } from './tcp.ts';
import { byTheRuntime, overTheWay } from './way.ts';

const kinds: readonly ProbeKind[] = ['startup', 'readiness', 'liveness'];

export interface ProberOptions {
  readonly host: Pick<RuntimeHost, 'cri' | 'link' | 'state'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventRecorder;
  readonly faults: Faults;
  readonly signal: AbortSignal;
  readonly random?: () => number;
  /** the container as the runtime was last seen to hold it */
  readonly look: (uid: string, container: string) => ProbedContainer | undefined;
  /** the pod while it is neither terminal nor gone */
  readonly pod: (uid: string) => Pod | undefined;
  /** a result that changes what the pod is or does: readiness or startup changed, or liveness failed */
  readonly onResult: (uid: string) => void;
  readonly observe: (probe: {
    kind: string;
    pod: Pod;
    container: string;
    result: 'successful' | 'failed' | 'unknown';
    seconds: number;
  }) => void;
  /** a probe has ended for good: nothing of it is to be shown any more */
  readonly onEnd?: (probe: { kind: string; pod: Pod; container: string }) => void;
}

export class Prober {
  readonly #options: ProberOptions;
  readonly #start: number;
  readonly #workers = new Map<string, Map<string, ProbeWorker>>();
  /** pods of which a container has started since their last sync */
  readonly #started = new Set<string>();
  /** pods that are being stopped */
  readonly #ending = new Set<string>();
  readonly #results = new Map<string, Partial<Record<ProbeKind, ProbeResult>>>();

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#start = options.clock.now();
  }

  /**
   * The result that counts for a container, undefined if it has no such probe or was running before farlet.
   */
  result(kind: ProbeKind, containerId: string): ProbeResult | undefined {
    return this.#results.get(containerId)?.[kind];
  }

  /** Starts a worker for every probe of the pod that has none. Calling it again costs nothing. */
  add(pod: Pod): void {
    const { uid } = pod.metadata;
    const workers = this.#workers.get(uid) ?? new Map<string, ProbeWorker>();
    for (const container of podContainers(pod)) {
      if (
        container.type === 'ephemeral_container' ||
        (container.type === 'init_container' && !container.sidecar)
      )
        continue;
      for (const kind of kinds) {
        const probe = probeOf(container.spec, kind);
        const key = `${kind} ${container.spec.name}`;
        if (probe === undefined || workers.has(key)) continue;
        this.#seed(pod, container, kind);
        workers.set(
          key,
          this.#worker(pod, container, { kind, probe }, () => workers.delete(key)),
        );
      }
    }
    if (workers.size > 0) this.#workers.set(uid, workers);
    if (this.#started.delete(uid)) this.#trigger(uid);
  }

  /**
   * Takes note of containers that run: whatever was not probed yet need not wait for its period. It waits for
   * the sync that tells of the container, as a kubelet's probes do: news of it may come before StartContainer
   * has answered.
   */
  observed(changes: readonly PodLifecycleEvent[]): void {
    for (const { kind, pod } of changes)
      if (kind === 'container-started' && this.#workers.has(pod.uid)) this.#started.add(pod.uid);
  }

  #trigger(uid: string): void {
    for (const worker of this.#workers.get(uid)?.values() ?? []) worker.trigger();
  }

  /**
   * The pod is stopping: only readiness goes on, and what sidecars have. Commands are run no more: a
   * kubelet's probes have the context of the pod's sync, which has ended, so that exec probes err and leave
   * their last result (pkg/kubelet/pod_workers.go).
   */
  stopLivenessAndStartup(uid: string): void {
    const workers = this.#workers.get(uid) ?? [];
    this.#ending.add(uid);
    for (const [, worker] of workers) if (worker.endsWithPod) worker.stop();
  }

  remove(uid: string): void {
    for (const worker of this.#workers.get(uid)?.values() ?? []) worker.stop();
    this.#workers.delete(uid);
    this.#started.delete(uid);
    this.#ending.delete(uid);
  }

  /** A container that had started before farlet did stays started (no flap on a restart). */
  #seed(pod: Pod, container: PodContainer, kind: ProbeKind): void {
    if (kind !== 'startup') return;
    const status = findContainerStatus(pod.status, container.spec.name);
    const id = this.#options.look(pod.metadata.uid, container.spec.name)?.id;
    if (status?.started === true && id !== undefined && isStatusOf(status, id)) {
      this.#results.set(id, { ...this.#results.get(id), startup: 'success' });
    }
  }

  #worker(
    pod: Pod,
    container: PodContainer,
    { kind, probe }: { kind: ProbeKind; probe: Probe },
    onEnd: () => void,
  ): ProbeWorker {
    const { clock, signal, look } = this.#options;
    const { uid } = pod.metadata;
    const reports = this.#reports(pod, container, kind);
    const worker = new ProbeWorker({
      ...reports,
      kind,
      probe,
      container: container.spec,
      clock,
      signal,
      random: this.#options.random ?? Math.random,
      farletStart: this.#start,
      look: () => look(uid, container.spec.name),
      pod: () => this.#options.pod(uid),
      endsWithPod: kind !== 'readiness' && !container.sidecar,
      attempt: (target, options) => {
        if (probe.exec !== undefined && this.#ending.has(uid))
          return Promise.reject(new Error('rpc error: code = Canceled desc = context canceled'));
        return this.#attempt(container, probe, target, options);
      },
      isStarted: (id) =>
        container.spec.startupProbe === undefined || this.result('startup', id) === 'success',
      publish: (id, result) => {
        this.#publish(uid, id, kind, result);
      },
      forget: (id) => {
        this.#forget(id, kind);
      },
      isSeen: () => this.#options.host.state().at === 'ready',
      onEnd: () => {
        onEnd();
        this.#options.onEnd?.({ kind: probeNames[kind], pod, container: container.spec.name });
      },
    });
    worker.run().catch(reports.onFault);
    return worker;
  }

  /** Where a worker's log lines, events, durations and faults go, with what they are about. */
  #reports(pod: Pod, container: PodContainer, kind: ProbeKind): ProbeReports {
    const { events, faults, observe, log } = this.#options;
    const { name } = container.spec;
    const about = podReference(pod, containerFieldPath(container));
    return {
      warn: (why) => {
        log.warn(
          { ...podFields(pod.metadata), container: name, probe: kind, reason: why },
          'probe could not be made: its last result stays',
        );
      },
      event: (reason, message) => {
        events.event(about, reason, message);
      },
      observe: (result, seconds) => {
        observe({ kind: probeNames[kind], pod, container: name, result, seconds });
      },
      onFault: (error) => {
        faults.report('probe', error, about);
      },
    };
  }

  #publish(uid: string, containerId: string, kind: ProbeKind, result: ProbeResult): void {
    const before = this.#results.get(containerId);
    if (before?.[kind] === result) return;
    this.#results.set(containerId, { ...before, [kind]: result });
    if (kind !== 'liveness' || result === 'failure') this.#options.onResult(uid);
    if (kind === 'startup' && result === 'success') this.#trigger(uid);
  }

  #forget(containerId: string, kind: ProbeKind): void {
    const { [kind]: _gone, ...rest } = this.#results.get(containerId) ?? {};
    if (Object.keys(rest).length === 0) this.#results.delete(containerId);
    else this.#results.set(containerId, rest);
  }

  /**
   * The host answers again: what was held against a container before is to be seen once more before anything
   * is killed for it.
   */
  hostIsBack(): void {
    for (const workers of this.#workers.values()) for (const worker of workers.values()) worker.lookAgain();
  }

  async #attempt(
    container: PodContainer,
    probe: Probe,
    target: ProbedContainer,
    options: { signal: AbortSignal },
  ): Promise<ProbeOutcome> {
    const { host, clock, signal: life } = this.#options;
    const { cri, link } = host;
    const timeoutSeconds = probe.timeoutSeconds ?? 1;
    if (probe.exec !== undefined) {
      const command = expandStatic(probe.exec.command ?? [], container.spec.env ?? []);
      // the runtime enforces the time; the attempt's own signal would cut the call without its kubelet text
      const exec = { containerId: target.id, command, timeoutSeconds };
      return byTheRuntime(host, () => probeExec(cri, exec, { signal: life }), { life });
    }
    if (target.podIp === '') return { kind: 'unknown', why: 'the pod has no address yet' };
    const over = (attempt: (dial: Dial) => Promise<ProbeOutcome>): Promise<ProbeOutcome> =>
      overTheWay(link, attempt, { signal: options.signal, life });
    if (probe.httpGet !== undefined) {
      const port = resolvePort(probe.httpGet.port, container.spec);
      const to = httpTarget(probe.httpGet, target.podIp, port);
      return over((dial) => probeHttp(dial, to, options));
    }
    if (probe.tcpSocket !== undefined) {
      const port = resolvePort(probe.tcpSocket.port, container.spec);
      const { host: own } = probe.tcpSocket;
      const to = { host: own === undefined || own === '' ? target.podIp : own, port };
      return over((dial) => probeTcp(dial, to, options));
    }
    if (probe.grpc !== undefined) {
      const { port, service = '' } = probe.grpc;
      const to = { host: target.podIp, port, service, timeoutSeconds };
      return over((dial) => probeGrpc(dial, to, { ...options, clock }));
    }
    throw new Error(`missing probe handler for container ${container.spec.name}`);
  }
}
