/**
 * A host in memory for unit tests: a runtime that records what it is asked, and files that record what is
 * done.
 */
import type { CriClient } from '../hosts/cri/calls.ts';
import type { FileOp, HostAnswer, HostFiles, HostQuery } from '../hosts/link/link.ts';
import { eventWords, type EventReason } from '../model/event-reasons.ts';
import type { EventRecorder } from '../model/events.ts';
import type { PodHost } from '../runtime/spec/providers.ts';
import { CriError } from '../model/errors.ts';

export interface Call {
  readonly method: string;
  readonly request: Record<string, unknown>;
}

type Answer = (request: never, options?: { signal?: AbortSignal }) => unknown;

/** What a runtime refuses with, as grpc code Unknown. */
export function criFault(description: string, kind: CriError['kind'] = 'internal'): CriError {
  const codeName = kind === 'not-found' ? 'NotFound' : 'Unknown';
  const code = kind === 'not-found' ? 5 : 2;
  return new CriError({ kind, method: 'x', host: 'box', code, codeName, description });
}

const image = {
  id: 'sha256:aa',
  repo_tags: [],
  repo_digests: [],
  size: 7,
  uid: null,
  username: '',
  spec: null,
  pinned: false,
};

/** Answers every call that starting and stopping pods makes; `answers` change them or throw. */
export class FakeCri {
  readonly calls: Call[] = [];
  readonly answers: Record<string, Answer>;

  constructor(answers: Record<string, Answer> = {}) {
    let containers = 0;
    this.answers = {
      runPodSandbox: () => ({ pod_sandbox_id: 'sandbox-1' }),
      podSandboxStatus: () => ({ status: sandboxStatus(['10.0.0.7']) }),
      imageStatus: () => ({ image, info: {} }),
      pullImage: () => ({ image_ref: image.id }),
      createContainer: () => ({ container_id: `container-${String((containers += 1))}` }),
      execSync: () => ({ stdout: Buffer.from(''), stderr: Buffer.from(''), exit_code: 0 }),
      ...answers,
    };
  }

  get client(): CriClient {
    return new Proxy({} as CriClient, {
      get: (_, method: string) => (request: Record<string, unknown>, options?: { signal?: AbortSignal }) =>
        this.#call(method, request, options),
    });
  }

  /** Names of the calls, in order. */
  names(but: readonly string[] = []): string[] {
    return this.calls.map(({ method }) => method).filter((method) => !but.includes(method));
  }

  async #call(
    method: string,
    request: Record<string, unknown>,
    options?: { signal?: AbortSignal },
  ): Promise<unknown> {
    options?.signal?.throwIfAborted();
    this.calls.push({ method, request });
    await Promise.resolve();
    return this.answers[method]?.(request as never, options) ?? {};
  }
}

export function sandboxStatus(ips: readonly string[]): object {
  return {
    id: 'sandbox-1',
    metadata: { attempt: 0 },
    state: 'SANDBOX_READY',
    created_at: 1,
    network: { ip: ips[0] ?? '', additional_ips: ips.slice(1).map((ip) => ({ ip })) },
    linux: null,
    labels: {},
    annotations: {},
    runtime_handler: '',
  };
}

/** Folders and files by path; what is applied is kept in order. */
export class FakeFiles {
  readonly batches: (readonly FileOp[])[] = [];
  readonly folders = new Map<string, string[]>();
  readonly texts = new Map<string, string>();
  fail: Error | undefined;
  /** answers of looks, by `<look> <path>`; what is not in it is not there */
  readonly seen = new Map<string, HostAnswer>();
  readonly looks: (readonly HostQuery[])[] = [];
  /** waited for before a batch is done; told its number */
  hold: (batch: number) => Promise<unknown> = () => Promise.resolve();

  get files(): HostFiles {
    const files: Pick<HostFiles, 'apply' | 'list' | 'look' | 'readFile' | 'stat'> = {
      look: (queries) => {
        this.looks.push(queries);
        return Promise.resolve(queries.map(({ look, path }) => this.seen.get(`${look} ${path}`) ?? {}));
      },
      stat: (path) => Promise.resolve(this.seen.get(`stat ${path}`)?.stat),
      apply: async (ops) => {
        this.batches.push(ops);
        await this.hold(this.batches.length);
        if (this.fail !== undefined) throw this.fail;
        for (const op of ops) if (op.op === 'write') this.texts.set(op.path, op.data.toString());
      },
      list: (path) =>
        Promise.resolve(this.folders.get(path)?.map((name) => ({ name, type: 'file' as const }))),
      readFile: (path) => Promise.resolve(Buffer.from(this.texts.get(path) ?? '')),
    };
    return files as HostFiles;
  }

  /** Every step of a kind, as paths. */
  paths(op: FileOp['op']): string[] {
    return this.batches.flat().flatMap((each) => (each.op === op && 'path' in each ? [each.path] : []));
  }
}

export function fakeHost(cri: FakeCri, files: FakeFiles): PodHost {
  return {
    name: 'box',
    cri: cri.client,
    link: { files: files.files, dial: () => Promise.reject(new Error('nothing listens')) },
    runtime: () => undefined,
  };
}

/** Events as `type reason fieldPath: message`. */
export class FakeEvents implements EventRecorder {
  readonly seen: string[] = [];
  /** of the events that have any */
  readonly annotations: Readonly<Record<string, string>>[] = [];

  event(
    about: { fieldPath?: string },
    key: EventReason,
    message: string,
    annotations?: Readonly<Record<string, string>>,
  ): void {
    const { type, reason } = eventWords(key);
    if (annotations !== undefined) this.annotations.push(annotations);
    this.seen.push(
      `${type} ${reason}${about.fieldPath === undefined ? '' : ` ${about.fieldPath}`}: ${message}`,
    );
  }
}

/** Image pulls that nobody remembers: every image is open to every pod. */
export const openAccess = {
  mayUse: () => Promise.resolve(true),
  pulling: () => Promise.resolve(),
  pulled: () => Promise.resolve(),
  failed: () => Promise.resolve(),
};
