/** The memory of the fake runtime: sandboxes and containers with the states that CRI gives them. No I/O. */

export interface FakeSandbox {
  readonly id: string;
  readonly config: SandboxConfig;
  readonly handler: string;
  readonly createdAt: number;
  readonly ip: string;
  ready: boolean;
}

export interface FakeContainer {
  readonly id: string;
  readonly sandbox: FakeSandbox;
  readonly config: ContainerConfig;
  readonly createdAt: number;
  state: 'CONTAINER_CREATED' | 'CONTAINER_RUNNING' | 'CONTAINER_EXITED';
  startedAt: number;
  finishedAt: number;
  exitCode: number;
}

export interface SandboxConfig {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly namespace: string;
    readonly attempt: number;
  };
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly log_directory: string;
  readonly linux?: {
    readonly security_context?: { readonly namespace_options?: { readonly network?: string } };
  };
}

export interface ContainerConfig {
  readonly metadata: { readonly name: string; readonly attempt: number };
  readonly image: { readonly image: string; readonly user_specified_image: string };
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly mounts: readonly object[];
  readonly log_path: string;
}

/** What a caller gets for what can't be done, by its gRPC code. */
export class FakeFault extends Error {
  readonly code: 'NOT_FOUND' | 'UNKNOWN' | 'ALREADY_EXISTS';
  constructor(code: FakeFault['code'], message: string) {
    super(message);
    this.code = code;
  }
}

export type Change =
  | 'CONTAINER_CREATED_EVENT'
  | 'CONTAINER_STARTED_EVENT'
  | 'CONTAINER_STOPPED_EVENT'
  | 'CONTAINER_DELETED_EVENT';

export interface StoreOptions {
  readonly onChange: (change: Change, of: { id: string; sandbox: FakeSandbox }) => void;
}

export class RuntimeStore {
  readonly sandboxes = new Map<string, FakeSandbox>();
  readonly containers = new Map<string, FakeContainer>();
  readonly #onChange: StoreOptions['onChange'];
  #serial = 0;

  constructor(options: StoreOptions) {
    this.#onChange = options.onChange;
  }

  runSandbox(config: SandboxConfig, handler: string): FakeSandbox {
    if (handler !== '')
      throw new FakeFault('UNKNOWN', `no runtime for ${JSON.stringify(handler)} is configured`);
    const { uid, attempt, name } = config.metadata;
    for (const { config: other } of this.sandboxes.values())
      if (other.metadata.uid === uid && other.metadata.attempt === attempt && other.metadata.name === name)
        throw new FakeFault(
          'UNKNOWN',
          `failed to reserve sandbox name ${JSON.stringify(name)}: it is reserved`,
        );
    const onHost = config.linux?.security_context?.namespace_options?.network === 'NODE';
    const number = (this.#serial % 65_000) + 2;
    const ip = onHost ? '' : `10.99.${String(number >> 8)}.${String(number & 255)}`;
    const sandbox = { id: this.#id(), config, handler, createdAt: now(), ip, ready: true };
    this.sandboxes.set(sandbox.id, sandbox);
    this.#onChange('CONTAINER_CREATED_EVENT', { id: sandbox.id, sandbox });
    this.#onChange('CONTAINER_STARTED_EVENT', { id: sandbox.id, sandbox });
    return sandbox;
  }

  sandbox(id: string): FakeSandbox {
    const found = this.sandboxes.get(id);
    if (found === undefined) throw new FakeFault('NOT_FOUND', `sandbox ${id} not found`);
    return found;
  }

  container(id: string): FakeContainer {
    const found = this.containers.get(id);
    if (found === undefined) throw new FakeFault('NOT_FOUND', `container ${id} not found`);
    return found;
  }

  /** Stopping what is gone or stopped is no fault. */
  stopSandbox(id: string): void {
    const sandbox = this.sandboxes.get(id);
    if (sandbox?.ready !== true) return;
    for (const container of this.#of(sandbox)) this.#exit(container, 137);
    sandbox.ready = false;
    this.#onChange('CONTAINER_STOPPED_EVENT', { id, sandbox });
  }

  removeSandbox(id: string): void {
    const sandbox = this.sandboxes.get(id);
    if (sandbox === undefined) return;
    this.stopSandbox(id);
    for (const container of this.#of(sandbox)) this.removeContainer(container.id);
    this.sandboxes.delete(id);
    this.#onChange('CONTAINER_DELETED_EVENT', { id, sandbox });
  }

  createContainer(sandboxId: string, config: ContainerConfig): FakeContainer {
    const sandbox = this.sandbox(sandboxId);
    if (!sandbox.ready) throw new FakeFault('UNKNOWN', `sandbox ${sandboxId} is not running`);
    const { name, attempt } = config.metadata;
    for (const other of this.#of(sandbox))
      if (other.config.metadata.name === name && other.config.metadata.attempt === attempt)
        throw new FakeFault(
          'UNKNOWN',
          `failed to reserve container name ${JSON.stringify(name)}: it is reserved`,
        );
    const state = 'CONTAINER_CREATED' as const;
    const times = { createdAt: now(), startedAt: 0, finishedAt: 0 };
    const container = { id: this.#id(), sandbox, config, ...times, state, exitCode: 0 };
    this.containers.set(container.id, container);
    this.#onChange('CONTAINER_CREATED_EVENT', { id: container.id, sandbox });
    return container;
  }

  startContainer(id: string): FakeContainer {
    const container = this.container(id);
    if (container.state !== 'CONTAINER_CREATED')
      throw new FakeFault('UNKNOWN', `container is in ${container.state} state`);
    container.state = 'CONTAINER_RUNNING';
    container.startedAt = now();
    this.#onChange('CONTAINER_STARTED_EVENT', { id, sandbox: container.sandbox });
    return container;
  }

  stopContainer(id: string): void {
    const container = this.containers.get(id);
    if (container !== undefined) this.#exit(container, 0);
  }

  removeContainer(id: string): void {
    const container = this.containers.get(id);
    if (container === undefined) return;
    this.#exit(container, 137);
    this.containers.delete(id);
    this.#onChange('CONTAINER_DELETED_EVENT', { id, sandbox: container.sandbox });
  }

  of(sandbox: FakeSandbox): FakeContainer[] {
    return this.#of(sandbox);
  }

  #of(sandbox: FakeSandbox): FakeContainer[] {
    return [...this.containers.values()].filter((container) => container.sandbox === sandbox);
  }

  #exit(container: FakeContainer, exitCode: number): void {
    if (container.state !== 'CONTAINER_RUNNING') return;
    container.state = 'CONTAINER_EXITED';
    container.finishedAt = now();
    container.exitCode = exitCode;
    this.#onChange('CONTAINER_STOPPED_EVENT', { id: container.id, sandbox: container.sandbox });
  }

  #id(): string {
    this.#serial += 1;
    return this.#serial.toString(16).padStart(64, '0');
  }
}

/** CRI's nanoseconds. */
function now(): number {
  return Date.now() * 1e6;
}
