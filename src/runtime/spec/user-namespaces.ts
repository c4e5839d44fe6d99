/**
 * The user namespaces of one host's pods: which ids of the host a pod's ids are (KEP-127;
 * pkg/kubelet/userns/userns_manager.go).
 *
 * I1. Each pod has a range of its own, never one with the host's own users.
 * I2. The range is on the host, in the pod's folder, before a sandbox is made with it: it stays over restarts
 *     of farlet, and is free again when the folder is gone.
 */
import type { UserNamespace } from '../../hosts/cri/generated/runtime/v1/UserNamespace.ts';
import type { HostFiles } from '../../hosts/link/link.ts';
import type { RuntimeHandlerInfo, RuntimeInfo } from '../../hosts/runtime-host.ts';
import { FarletError } from '../../model/errors.ts';
import { goQuote } from '../../model/go-quote.ts';
import type { Pod } from '../../model/kube.ts';
import { podDir, podsDir, type HostPaths } from '../../model/paths.ts';
import { Semaphore } from '../../util/semaphore.ts';

/** The default of userNamespaces.idsPerPod (kubeletconfig DefaultKubeletUserNamespacesIDsPerPod). */
const IDS_PER_POD = 65_536;
/** Ids have 32 bits. */
const RANGES = 2 ** 32 / IDS_PER_POD;
const FILE = 'userns';

export interface UserNamespacesOptions {
  readonly files: Pick<HostFiles, 'apply' | 'list' | 'look'>;
  readonly paths: HostPaths;
  readonly runtime: () => Pick<RuntimeInfo, 'handlers'> | undefined;
}

export class UserNamespaces {
  readonly #options: UserNamespacesOptions;
  /** two pods must not find the same range free */
  readonly #semaphore = new Semaphore(1);

  constructor(options: UserNamespacesOptions) {
    this.#options = options;
  }

  /**
   * What the pod's sandbox and containers are told of their user namespace. Rejects with FarletError
   * `unimplemented` for a runtime handler that has none, `resource-exhausted` when all ranges are taken,
   * `invalid` for a file that is spoilt.
   */
  async of(pod: Pod, handler: string, { signal }: { signal: AbortSignal }): Promise<UserNamespace> {
    if (pod.spec.hostUsers !== false) return { mode: 'NODE' };
    const refusal = refusedUserNamespace(this.#options.runtime()?.handlers ?? [], handler);
    if (refusal !== undefined) throw new FarletError('unimplemented', refusal);
    const { uid } = pod.metadata;
    const first =
      (await this.#read([uid], signal))[0] ??
      (await this.#semaphore.run(signal, () => this.#take(uid, signal)));
    const ids = [{ host_id: first, container_id: 0, length: IDS_PER_POD }];
    return { mode: 'POD', uids: ids, gids: ids };
  }

  /** A range of which no folder tells, written into the pod's. */
  async #take(uid: string, signal: AbortSignal): Promise<number> {
    const { files, paths } = this.#options;
    const folders = (await files.list(podsDir(paths), { signal })) ?? [];
    const others = folders.map(({ name }) => name).filter((name) => name !== uid);
    const first = freeRange(new Set(await this.#read(others, signal)));
    const folder = podDir(paths, uid);
    const data = Buffer.from(fileText(first));
    await files.apply(
      [
        { op: 'mkdir', path: folder, mode: 0o750 },
        { op: 'write', path: `${folder}/${FILE}`, data, mode: 0o600 },
      ],
      { signal },
    );
    return first;
  }

  /** The first ids of these pods, undefined for those that have no file. */
  async #read(uids: readonly string[], signal: AbortSignal): Promise<(number | undefined)[]> {
    if (uids.length === 0) return [];
    const { files, paths } = this.#options;
    const path = (uid: string): string => `${podDir(paths, uid)}/${FILE}`;
    const answers = await files.look(
      uids.map((uid) => ({ look: 'text', path: path(uid) })),
      { signal },
    );
    return uids.map((uid, index) => firstIdIn(path(uid), answers[index]?.text));
  }
}

/**
 * Why pods of this handler can't have one; undefined: they can. Runtimes that tell of no handlers are too
 * old. Pure.
 */
export function refusedUserNamespace(
  handlers: readonly Pick<RuntimeHandlerInfo, 'name' | 'userNamespaces'>[],
  handler: string,
): string | undefined {
  const found = handlers.find(({ name }) => name === handler);
  if (found?.userNamespaces === true) return undefined;
  const what =
    handler === ''
      ? 'runtime does not support user namespaces'
      : `RuntimeClass handler ${goQuote(handler)} does not support user namespaces`;
  const unknown = handlers.length > 0 && found === undefined;
  return `can't set \`spec.hostUsers: false\`, ${what}${unknown ? `: the handler ${goQuote(handler)} is not known` : ''}`;
}

/** The first range is the host's own. */
function freeRange(taken: ReadonlySet<number | undefined>): number {
  for (let range = 1; range < RANGES; range += 1)
    if (!taken.has(range * IDS_PER_POD)) return range * IDS_PER_POD;
  throw new FarletError(
    'resource-exhausted',
    'create user namespace: could not find an empty slot to allocate a user namespace',
  );
}

/** As a kubelet writes it. */
function fileText(hostId: number): string {
  const mappings = [{ hostId, containerId: 0, length: IDS_PER_POD }];
  return JSON.stringify({ uidMappings: mappings, gidMappings: mappings });
}

/** undefined where no file is. Whatever is spoilt holds up all: nobody knows which range it is about. */
function firstIdIn(path: string, text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const first = parsedFirstId(text);
  if (first === undefined)
    throw new FarletError(
      'invalid',
      `user namespace: invalid user namespace mappings file: ${path} names no range of ${IDS_PER_POD} ids; delete its pod`,
    );
  return first;
}

function parsedFirstId(text: string): number | undefined {
  try {
    const { uidMappings, gidMappings } = JSON.parse(text) as Record<string, unknown>;
    const [first] = uidMappings as { hostId: unknown; containerId: unknown; length: unknown }[];
    const id = first?.hostId;
    const isWhole = first?.containerId === 0 && first.length === IDS_PER_POD;
    const isSame = JSON.stringify(uidMappings) === JSON.stringify(gidMappings);
    return isWhole && isSame && typeof id === 'number' && id > 0 && id % IDS_PER_POD === 0 ? id : undefined;
  } catch {
    return undefined;
  }
}
