/**
 * Static pods from manifest files (pkg/kubelet/config/file.go). The files are on farlet's own disk, not on
 * the host's.
 *
 * I1. What can't be read is not gone: a folder or file that fails for another reason than absence keeps its
 *     pods.
 * I2. A file that is no valid pod is named in the log and touches no other file's pod. Its own pod lives on
 *     while the file is being written, and goes with the next periodic look, as the kubelet's does.
 */
import { readFile, readdir, stat, watch } from 'node:fs/promises';
import { messageOf } from '../../model/errors.ts';
import type { Pod } from '../../model/kube.ts';
import type { Log } from '../../model/log.ts';
import { podFullName } from '../../model/pod-source.ts';
import { Alarm } from '../../util/alarm.ts';
import type { Clock } from '../../util/clock.ts';
import { readManifest } from './manifest.ts';

export interface ManifestFolderOptions {
  /** a folder of manifests, or one manifest */
  readonly path: string;
  readonly node: string;
  /** how often everything is read, whatever the watch says; ms (the kubelet's fileCheckFrequency) */
  readonly everyMs: number;
  readonly parse: (text: string) => unknown;
  readonly clock: Clock;
  readonly log: Log;
  /** all pods of the source as they are now; told after every look */
  readonly onPods: (pods: readonly Pod[]) => void;
}

/** pkg/kubelet/config/common.go maxConfigLength */
const MAX_BYTES = 10 * 1024 * 1024;
/** Editors write in several steps. */
const SETTLE_MS = 50;

type Trigger = 'periodic' | 'watch';

export class ManifestFolder {
  readonly #options: ManifestFolderOptions;
  /** the last good pod of each file */
  #pods = new Map<string, Pod>();
  /** what was last said of each file, so that it is said once */
  #problems = new Map<string, string>();
  readonly #alarm: Alarm;

  constructor(options: ManifestFolderOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock);
  }

  /** Looks at once, then at every change and every period, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const watching = this.#watch(signal);
    try {
      await this.#loop(signal);
    } finally {
      await watching;
    }
  }

  async #loop(signal: AbortSignal): Promise<void> {
    const { clock, everyMs } = this.#options;
    let trigger: Trigger = 'periodic';
    let nextAt = clock.monotonic() + everyMs;
    while (!signal.aborted) {
      const armed = this.#alarm.arm(signal);
      await this.#look(trigger);
      await armed.sleep(Math.max(0, nextAt - clock.monotonic())).catch(() => undefined);
      if (isOver(signal)) return;
      if (armed.signal.aborted) {
        trigger = 'watch';
        await clock.sleep(SETTLE_MS, { signal }).catch(() => undefined);
      } else {
        trigger = 'periodic';
        nextAt = clock.monotonic() + everyMs;
      }
    }
  }

  /** Changes wake the loop. A watch that can't be had, or ends, is tried again every period. */
  async #watch(signal: AbortSignal): Promise<void> {
    const { path, clock, everyMs } = this.#options;
    while (!signal.aborted) {
      try {
        for await (const _change of watch(path, { signal })) this.#alarm.ring();
      } catch (error) {
        if (isOver(signal)) return;
        this.#problem(path, `can't be watched, only read every ${everyMs / 1000}s: ${messageOf(error)}`);
      }
      await clock.sleep(everyMs, { signal }).catch(() => undefined);
    }
  }

  async #look(trigger: Trigger): Promise<void> {
    const { log, onPods, path } = this.#options;
    let files: readonly string[];
    try {
      files = await this.#files();
    } catch (error) {
      this.#problem(path, messageOf(error));
      return;
    }
    const pods = new Map<string, Pod>();
    for (const file of files) {
      const pod = await this.#read(file, trigger);
      if (pod !== undefined) pods.set(file, pod);
    }
    this.#pods = pods;
    const byName = new Map<string, Pod>();
    for (const [file, pod] of pods) {
      if (byName.has(podFullName(pod)))
        this.#problem(
          `${file} `,
          `another file has a pod ${pod.metadata.namespace}/${pod.metadata.name}, which is dropped`,
        );
      byName.set(podFullName(pod), pod);
    }
    for (const file of this.#problems.keys())
      if (file !== path && !files.includes(file.trimEnd())) this.#problems.delete(file);
    log.debug({ path, pods: byName.size }, 'manifests read');
    onPods([...byName.values()]);
  }

  /** In the order of their names; hidden ones are left out. A path that is not there has none. */
  async #files(): Promise<string[]> {
    const { path } = this.#options;
    let isFolder: boolean;
    try {
      isFolder = (await stat(path)).isDirectory();
    } catch (error) {
      if (!isAbsent(error)) throw error;
      this.#problem(path, 'does not exist');
      return [];
    }
    if (!isFolder) return [path];
    const names = await readdir(path);
    return names
      .filter((name) => !name.startsWith('.'))
      .sort()
      .map((name) => `${path.replace(/\/+$/, '')}/${name}`);
  }

  async #read(file: string, trigger: Trigger): Promise<Pod | undefined> {
    const { node, parse } = this.#options;
    let text: string;
    try {
      const found = await stat(file);
      if (!found.isFile()) {
        this.#problem(
          file,
          found.isDirectory() ? 'is a folder: manifests in it are not read' : 'is no regular file',
        );
        return undefined;
      }
      if (found.size > MAX_BYTES) throw new Error(`is longer than ${MAX_BYTES} bytes`);
      text = await readFile(file, 'utf8');
    } catch (error) {
      if (isAbsent(error)) return undefined;
      this.#problem(file, messageOf(error));
      return this.#pods.get(file);
    }
    try {
      const pod = readManifest({ path: file, text }, { node, parse });
      this.#problems.delete(file);
      return pod;
    } catch (error) {
      this.#problem(file, messageOf(error));
      return trigger === 'watch' ? this.#pods.get(file) : undefined;
    }
  }

  #problem(file: string, problem: string): void {
    if (this.#problems.get(file) === problem) return;
    this.#problems.set(file, problem);
    this.#options.log.error({ path: file.trimEnd(), reason: problem }, 'manifest not used');
  }
}

/** Asked afresh: the signal may have aborted since it was last looked at. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
