/**
 * Writes pod statuses (pkg/kubelet/status/status_manager.go).
 *
 * I1. The newest status of a pod wins; one write per pod is under way at a time.
 * I2. A status that the API server already has is not written, nor twice in a row one that it does not keep
 *     as sent.
 * I3. A write carries the pod's UID: the server refuses it (409) if the name now belongs to another pod. That
 *     makes the kubelet's read before each write needless, since the watch has the object: one round trip,
 *     not two.
 * I4. A static pod's status goes to its mirror, once there is one.
 * I5. A status that something else overwrites is written back ever more slowly: two writers that disagree
 *     must not fill the API server.
 * I6. An illegal transition is rejected and logged; it is a bug in the caller.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Log } from '../model/log.ts';
import { podFields } from '../model/pod-ref.ts';
import type { Pod, PodStatus } from '../model/kube.ts';
import { isMirrorPod, isStaticPod } from '../model/pod-source.ts';
import { backoffMs } from '../util/backoff.ts';
import type { Clock } from '../util/clock.ts';
import { Semaphore } from '../util/semaphore.ts';
import { saysSame, sharing } from '../util/sharing.ts';
import type { KubeClient } from './client.ts';
import { overwritten, truceMs } from './contest.ts';
import { waitAfter } from './errors.ts';
import { paths } from './paths.ts';
import { newEntry, withStatusOf, withTimesOf, type DesiredStatus, type Entry } from './status-entry.ts';
import { statusPatch } from './status-patch.ts';
import { isRefusedWrite, stillThere } from './still-there.ts';
import { isNewer } from './versions.ts';

const WRITES_AT_ONCE = 10;
const retry = { baseMs: 500, maxMs: 30_000, factor: 2, jitter: 0.5 };

export interface StatusWriterOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly merge: (api: PodStatus, desired: PodStatus, options: { mayRun: boolean }) => PodStatus;
  /** why a status must not follow another; undefined: it may */
  readonly illegal?: (pod: Pod, from: PodStatus, to: PodStatus) => string | undefined;
  /** a newer status is desired */
  readonly onStatus?: (before: PodStatus, after: PodStatus) => void;
  /** how each write ended; `refused`: something else was quicker, or the pod is gone */
  readonly onWrite?: (result: 'written' | 'refused' | 'failed') => void;
  /** the object with the status as written, and the seconds since the change was first desired */
  readonly onWritten?: (pod: Pod, seconds: number) => void;
}

/** A write that the API server has taken. */
interface Write {
  /** of the object that it was for */
  readonly uid: string;
  readonly sent: DesiredStatus | undefined;
  readonly patch: object;
  readonly answer: Pod;
}

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #semaphore = new Semaphore(WRITES_AT_ONCE);
  readonly #entries = new Map<string, Entry>();
  #listing = 0;
  /** the failure that was last logged as a warning */
  #logged: unknown;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /** The newest status of the pod, written or not; before the first one, what the API server has. */
  current(uid: string): PodStatus | undefined {
    const entry = this.#entries.get(uid);
    return entry?.desired?.status ?? entry?.pod.status;
  }

  /**
   * The API server's pods were listed again: what is observed of each from now on counts, whatever its
   * version, as a restored store goes back.
   */
  relisted(): void {
    this.#listing += 1;
  }

  /** The object as the API server last showed it. */
  observed(pod: Pod): void {
    const entry = this.#entries.get(pod.metadata.uid);
    if (entry === undefined) {
      this.#entries.set(pod.metadata.uid, newEntry(pod, this.#listing));
      return;
    }
    this.#take(entry, pod);
    this.#write(entry);
  }

  /**
   * The mirror of a static pod, by the static pod's UID; undefined once it is gone. What the status says
   * since when a condition holds is taken over from a mirror that a former run of farlet has written.
   */
  mirrored(pod: Pod, mirror: Pod | undefined): void {
    const entry = this.#entries.get(pod.metadata.uid);
    if (mirror === undefined) {
      if (entry !== undefined) entry.pod = pod;
      return;
    }
    const first = entry === undefined || isStaticPod(entry.pod);
    const desired = entry?.desired;
    const next: Entry = entry ?? newEntry(mirror, this.#listing);
    this.#entries.set(pod.metadata.uid, next);
    this.#take(next, mirror);
    if (first && desired !== undefined)
      next.desired = { ...desired, status: withTimesOf(desired.status, mirror.status ?? {}) };
    this.#write(next);
  }

  /**
   * Takes over the status that the API server shows, if it is news, and detects that it no longer is what was
   * written.
   */
  #take(entry: Entry, shown: Pod): void {
    const { uid, resourceVersion: version } = entry.pod.metadata;
    const isOther = shown.metadata.uid !== uid;
    const isAnew = isOther || entry.listing !== this.#listing;
    entry.listing = this.#listing;
    if (isAnew) entry.inVain = undefined;
    else if (!isNewer(shown, entry.pod)) return;
    const { status } = entry.pod;
    const wasKept = !isAnew && entry.desired !== undefined && this.#patch(entry) === undefined;
    // what a write answered is shown once more by the watch
    const isSame = !isOther && version !== undefined && version === shown.metadata.resourceVersion;
    const { compared } = entry;
    if (isSame && compared !== undefined && compared.api === status)
      entry.compared = { ...compared, api: shown.status };
    entry.pod = shown;
    if (wasKept && this.#patch(entry) !== undefined) this.#contested(entry);
  }

  /** Wants the pod's status to be this. Never blocks. */
  set(pod: Pod, desired: DesiredStatus): void {
    const entry = this.#entries.get(pod.metadata.uid) ?? newEntry(pod, this.#listing);
    this.#entries.set(pod.metadata.uid, entry);
    const { illegal, onStatus, log } = this.#options;
    const before = entry.desired?.status ?? entry.pod.status ?? {};
    const fault = illegal?.(pod, before, desired.status);
    if (fault !== undefined) {
      log.error(
        { ...podFields(pod.metadata), reason: fault },
        'status not taken: it can not follow the one before',
      );
      return;
    }
    // news is told at once, whatever becomes of what was said before
    if (entry.truce !== undefined && !saysSame(before, desired.status)) this.#endTruce(entry);
    this.#want(entry, desired);
    onStatus?.(before, desired.status);
    if (desired.lingerMs === undefined) {
      this.#endLinger(entry);
      entry.isUrgent = true;
    } else if (!entry.isUrgent)
      entry.lingering ??= this.#options.clock.after(desired.lingerMs, () => {
        this.#endLinger(entry);
        this.#write(entry);
      });
    this.#write(entry);
  }

  /** Mostly that is what the API server has, and what was wanted and compared with it before. */
  #want(entry: Entry, desired: DesiredStatus): void {
    const { desired: before, compared } = entry;
    const next = { ...desired, status: sharing(desired.status, entry.pod.status) };
    entry.desired = next;
    if (compared === undefined || compared.desired !== before || before.mayRun !== next.mayRun) return;
    if (saysSame(before.status, next.status)) entry.compared = { ...compared, desired: next };
  }

  /** Lets the object of a pod that is deleted and done go, once its last status is written. */
  async finish(pod: Pod, { signal }: { signal: AbortSignal }): Promise<void> {
    const { uid, namespace, name } = pod.metadata;
    await this.settled(uid);
    signal.throwIfAborted();
    try {
      await this.#options.client.delete(
        paths.pod(namespace, name),
        { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions: { uid } },
        { signal },
      );
    } catch (error) {
      const { client } = this.#options;
      const path = paths.pod(namespace, name);
      if (!isRefusedWrite(error) || (await stillThere(client, error, { path, uid, signal })) !== undefined)
        throw error;
    }
  }

  /** Pods whose status is not written yet, and how long the oldest of them has been desired. */
  backlog(): { readonly count: number; readonly oldestMs: number } {
    const now = this.#options.clock.monotonic();
    const since = [...this.#entries.values()].flatMap(({ writing, desiredAt }) =>
      writing === undefined || desiredAt === undefined ? [] : [desiredAt],
    );
    return { count: since.length, oldestMs: since.reduce((most, at) => Math.max(most, now - at), 0) };
  }

  /** Resolves when nothing waits to be written for the pod. */
  async settled(uid: string): Promise<void> {
    const entry = this.#entries.get(uid);
    if (entry !== undefined) await this.#settle(entry);
  }

  async flush(): Promise<void> {
    await Promise.all([...this.#entries.values()].map((entry) => this.#settle(entry)));
  }

  forget(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry !== undefined) {
      this.#endLinger(entry);
      this.#endTruce(entry);
    }
    this.#entries.delete(uid);
  }

  async #settle(entry: Entry): Promise<void> {
    this.#endLinger(entry);
    this.#endTruce(entry);
    this.#write(entry);
    // what becomes desired as a write ends begins another one
    while (entry.writing !== undefined) await entry.writing;
  }

  #endLinger(entry: Entry): void {
    entry.lingering?.();
    entry.lingering = undefined;
  }

  #endTruce(entry: Entry): void {
    entry.truce?.();
    entry.truce = undefined;
  }

  /** Something else has overwritten the status: it is written back, after a wait that grows each time. */
  #contested(entry: Entry): void {
    const { clock, log } = this.#options;
    entry.contest = overwritten(entry.contest, clock.monotonic());
    const waitMs = Math.round(truceMs(entry.contest));
    if (entry.contest.times > 1)
      log.warn(
        { ...podFields(entry.pod.metadata), times: entry.contest.times, waitMs },
        "something else writes this pod's status: it is put back after a while",
      );
    this.#endTruce(entry);
    entry.truce = clock.after(waitMs, () => {
      entry.truce = undefined;
      this.#write(entry);
    });
  }

  #write(entry: Entry): void {
    const waits = entry.writing !== undefined || entry.lingering !== undefined || entry.truce !== undefined;
    if (waits) return;
    if (this.#patch(entry) === undefined) {
      entry.isUrgent = false;
      return;
    }
    const { clock, log, signal } = this.#options;
    entry.desiredAt ??= clock.monotonic();
    const writing = this.#untilWritten(entry)
      .catch((error: unknown) => {
        if (!signal.aborted)
          log.error({ ...podFields(entry.pod.metadata), err: error }, 'status could not be written');
      })
      .finally(() => {
        if (entry.writing === writing) entry.writing = undefined;
        // what became desired as the last write ended
        if (!signal.aborted) this.#write(entry);
      });
    entry.writing = writing;
  }

  #patch(entry: Entry): object | undefined {
    const { desired, pod, compared } = entry;
    if (desired === undefined || isStaticPod(pod) || entry.gone === pod.metadata.uid) return undefined;
    if (compared?.desired === desired && compared.api === pod.status)
      return isDeepStrictEqual(compared.patch, entry.inVain) ? undefined : compared.patch;
    const api = pod.status ?? {};
    const patch = statusPatch(api, this.#options.merge(api, desired.status, { mayRun: desired.mayRun }));
    entry.compared = { desired, api: pod.status, patch };
    return isDeepStrictEqual(patch, entry.inVain) ? undefined : patch;
  }

  async #untilWritten(entry: Entry): Promise<void> {
    const { clock, signal, onWrite } = this.#options;
    for (let failures = 0; ;) {
      const { uid } = entry.pod.metadata;
      try {
        const write = await this.#send(entry);
        if (write === undefined) {
          // at once: what is desired from here on starts a write of its own
          entry.writing = undefined;
          return;
        }
        failures = 0;
        onWrite?.('written');
        this.#accepted(entry, write);
        if (entry.lingering !== undefined || entry.truce !== undefined || this.#patch(entry) === undefined)
          return;
      } catch (error) {
        signal.throwIfAborted();
        onWrite?.(isRefusedWrite(error) ? 'refused' : 'failed');
        // the mirror was replaced meanwhile: the status is for the new one
        if (entry.pod.metadata.uid !== uid) continue;
        if (isRefusedWrite(error) && (await this.#isGone(entry, error))) return;
        failures += 1;
        this.#logFailure(entry.pod, error);
        await clock.sleep(waitAfter(error, backoffMs(retry, failures)), { signal });
      }
    }
  }

  /** One write of what is desired when its turn comes; undefined: the API server has it already. */
  async #send(entry: Entry): Promise<Write | undefined> {
    const { client, signal } = this.#options;
    const { uid, namespace, name } = entry.pod.metadata;
    return this.#semaphore.run(signal, async () => {
      // what became desired while this waited for its turn is part of it: a burst takes fewer writes
      const patch = this.#patch(entry);
      const sent = entry.desired;
      // from here on it is tried until it is taken
      entry.isUrgent = false;
      if (patch === undefined) return undefined;
      const body = { metadata: { uid }, status: patch };
      const path = paths.podStatus(namespace, name);
      const answer = await client.patch<Pod>(path, 'strategic', body, { signal });
      return { uid, sent, patch, answer };
    });
  }

  #accepted(entry: Entry, { uid, sent, patch, answer }: Write): void {
    const { clock, onWritten } = this.#options;
    // the mirror may have been replaced meanwhile
    const isLatest =
      entry.pod.metadata.uid === uid && (entry.listing !== this.#listing || isNewer(answer, entry.pod));
    if (isLatest) entry.pod = withStatusOf(entry.pod, answer);
    onWritten?.(entry.pod, (clock.monotonic() - (entry.desiredAt ?? clock.monotonic())) / 1000);
    entry.desiredAt = undefined;
    entry.inVain = undefined;
    if (isLatest && isDeepStrictEqual(this.#patch(entry), patch)) entry.inVain = patch;
    // overwritten before this answer came
    const isContested = !isLatest && entry.pod.metadata.uid === uid && entry.desired === sent;
    if (isContested && this.#patch(entry) !== undefined) this.#contested(entry);
  }

  /** Of a lease that could not be renewed every write of the node fails with the very same error. */
  #logFailure({ metadata }: Pod, error: unknown): void {
    const level = error === this.#logged ? 'debug' : 'warn';
    this.#logged = error;
    this.#options.log[level]({ ...podFields(metadata), err: error }, 'status write failed: trying again');
  }

  /**
   * After a refused write: whether the pod is gone. If it is not, the API server's status is taken over and
   * the desired one is written on top of it: a status that lost a race must not be lost, above all the last
   * one.
   */
  async #isGone(entry: Entry, refusal: unknown): Promise<boolean> {
    const { client, signal, log } = this.#options;
    const { uid, namespace, name } = entry.pod.metadata;
    let found: Pod | undefined;
    try {
      found = await stillThere<Pod>(client, refusal, { path: paths.pod(namespace, name), uid, signal });
    } catch (error) {
      signal.throwIfAborted();
      log.debug(
        { ...podFields({ name, namespace, uid }), err: error },
        'a refused status: the pod could not be read',
      );
      return false;
    }
    // the mirror may have been replaced meanwhile
    if (entry.pod.metadata.uid !== uid) return false;
    if (found !== undefined) {
      if (isNewer(found, entry.pod)) entry.pod = withStatusOf(entry.pod, found);
      return false;
    }
    // the name belongs to nobody, or to another pod by now; a mirror comes again
    if (isMirrorPod(entry.pod)) entry.gone = uid;
    else entry.desired = undefined;
    return true;
  }
}
