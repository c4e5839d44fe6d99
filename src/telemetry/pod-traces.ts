/**
 * The traces of one node's pods. How a pod starts is one trace: from when the watch tells of it, through its
 * queue and its syncs, to the status that says Ready. What is done for it later (a restart, its end) is a
 * trace each, linked to the first. The names and attributes of syncs are the kubelet's
 * (pkg/kubelet/kubelet.go SyncPod and on).
 *
 * I1. A start is under way for at most START_MS, and as long as there is the pod: every span that was
 *     begun ends.
 * I2. A pod that a former run has begun with has no start here.
 */
import type { Pod } from '../model/kube.ts';
import { isTerminalPhase } from '../model/holds.ts';
import { annotations } from '../model/labels.ts';
import { isMirrorPod } from '../model/pod-source.ts';
import { traceAnnotation } from '../model/trace-annotations.ts';
import type { SyncOutcome } from '../model/pod-update.ts';
import type { Clock } from '../util/clock.ts';
import type { Span, SpanAttributes, SpanStart } from './tracer.ts';
import type { Tracing } from './tracing.ts';

export interface PodTracesOptions {
  readonly tracing: Pick<Tracing, 'start' | 'run'>;
  readonly node: string;
  readonly clock: Pick<Clock, 'now' | 'after'>;
}

/** How a start ended, as its span tells. */
type StartEnd = 'ready' | 'over' | 'removed' | 'unfinished';

interface Start {
  readonly root: Span;
  /** from when the pod is known to when its worker begins */
  readonly queue: Span;
  readonly cancelLimit: () => void;
}

interface Known {
  start: Start | undefined;
  /** what later traces are linked to */
  readonly link: string | undefined;
  /** the object that was synced last */
  synced: Pod | undefined;
}

/** Those that need longer to be Ready wait for something that no trace explains. */
const START_MS = 15 * 60_000;

export class PodTraces {
  readonly #options: PodTracesOptions;
  /** pods that the sources tell of: as many as there are */
  readonly #pods = new Map<string, Known>();

  constructor(options: PodTracesOptions) {
    this.#options = options;
  }

  /** A source told of the pod. */
  observed(pod: Pod): void {
    const { uid, deletionTimestamp } = pod.metadata;
    if (this.#pods.has(uid) || isMirrorPod(pod)) return;
    const isNew = pod.status?.startTime === undefined && !isTerminalPhase(pod.status?.phase);
    const start = isNew && deletionTimestamp === undefined ? this.#begin(pod) : undefined;
    const link = start?.root.traceparent ?? traceAnnotation(pod);
    this.#pods.set(uid, { start, link, synced: undefined });
  }

  /** SyncPod's span. */
  sync(pod: Pod, work: () => Promise<SyncOutcome>): Promise<SyncOutcome> {
    const known = this.#pods.get(pod.metadata.uid);
    const update = known?.synced === undefined ? 'create' : known.synced === pod ? 'sync' : 'update';
    if (known !== undefined) known.synced = pod;
    known?.start?.queue.end();
    return this.#options.tracing.run(this.#step('syncPod', pod, { 'k8s.pod.update_type': update }), work, {
      whole: known?.start !== undefined,
      told: ({ kind }) => ({ 'farlet.sync.outcome': kind }),
    });
  }

  /** The span of a step at the pod's end. */
  end(name: 'syncTerminatingPod' | 'syncTerminatedPod', pod: Pod, work: () => Promise<void>): Promise<void> {
    this.#pods.get(pod.metadata.uid)?.start?.queue.end();
    return this.#options.tracing.run(this.#step(name, pod, {}), work, { whole: true });
  }

  /** The API server has the pod's status, so many seconds after it was desired. */
  written(pod: Pod, seconds: number): void {
    // the status of a static pod is written to its mirror
    const uid = pod.metadata.annotations?.[annotations.configMirror] ?? pod.metadata.uid;
    const start = this.#pods.get(uid)?.start;
    if (start === undefined) return;
    const phase = pod.status?.phase ?? '';
    const isReady = (pod.status?.conditions ?? []).some(
      ({ type, status }) => type === 'Ready' && status === 'True',
    );
    const nowMs = this.#options.clock.now();
    this.#options.tracing
      .start({
        name: 'writeStatus',
        parent: start.root,
        startMs: nowMs - seconds * 1000,
        attributes: { 'farlet.pod.phase': phase, 'farlet.pod.ready': isReady },
      })
      .end({ endMs: nowMs });
    if (isReady) this.#finish(uid, 'ready');
    else if (isTerminalPhase(phase)) this.#finish(uid, 'over');
  }

  /** No source tells of the pod any more. */
  gone({ metadata: { uid } }: Pod): void {
    this.#finish(uid, 'removed');
    this.#pods.delete(uid);
  }

  /** Ends what is under way: the node is done. */
  close(): void {
    for (const uid of this.#pods.keys()) this.#finish(uid, 'unfinished');
    this.#pods.clear();
  }

  #begin(pod: Pod): Start {
    const { tracing, clock } = this.#options;
    const root = tracing.start({
      name: 'startPod',
      parent: traceAnnotation(pod),
      attributes: this.#attributes(pod),
    });
    return {
      root,
      queue: tracing.start({ name: 'queue', parent: root }),
      cancelLimit: clock.after(START_MS, () => {
        this.#finish(pod.metadata.uid, 'unfinished');
      }),
    };
  }

  #finish(uid: string, how: StartEnd): void {
    const known = this.#pods.get(uid);
    if (known?.start === undefined) return;
    const { root, queue, cancelLimit } = known.start;
    known.start = undefined;
    cancelLimit();
    queue.end();
    root.end({ attributes: { 'farlet.pod.start': how } });
  }

  #step(name: string, pod: Pod, attributes: SpanAttributes): SpanStart {
    const known = this.#pods.get(pod.metadata.uid);
    const start = known?.start;
    return {
      name,
      ...(start === undefined ? { link: known?.link } : { parent: start.root }),
      attributes: { ...this.#attributes(pod), ...attributes },
    };
  }

  #attributes({ metadata: { uid, name, namespace } }: Pod): SpanAttributes {
    return {
      'k8s.pod.uid': uid,
      'k8s.pod': `${namespace}/${name}`,
      'k8s.pod.name': name,
      'k8s.namespace.name': namespace,
      'k8s.node.name': this.#options.node,
    };
  }
}
