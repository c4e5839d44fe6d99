/**
 * A CRI runtime that runs nothing: for pods by the thousand and for faults that a real one can't be made to
 * have. e2e/scenarios/cri-contract.test.ts holds it against containerd.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { loadPackageDefinition, Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProtoGrpcType } from '../../src/hosts/cri/generated/cri.ts';
import {
  FakeFault,
  RuntimeStore,
  type Change,
  type ContainerConfig,
  type FakeContainer,
  type FakeSandbox,
  type SandboxConfig,
} from './runtime-store.ts';

export interface FakeRuntime {
  readonly endpoint: string;
  readonly socket: string;
  readonly store: RuntimeStore;
  /** calls answered so far, by name */
  readonly calls: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

export interface FakeRuntimeOptions {
  readonly socket: string;
  /** as the host's file system is used for images */
  readonly folder: string;
  /** ms until each call answers; default 0 */
  readonly latencyMs?: (call: string) => number;
  /** false: it has none, as containerd 1.6; default true */
  readonly containerEvents?: boolean;
}

const IMAGE = { id: 'sha256:fake', tag: 'localhost/busybox:1', size: 1_000_000 };

type Handler = (request: never) => object;

export async function startFakeRuntime(options: FakeRuntimeOptions): Promise<FakeRuntime> {
  const { socket, latencyMs = () => 0, containerEvents = true } = options;
  mkdirSync(dirname(socket), { recursive: true });
  rmSync(socket, { force: true });
  const streams = new Set<ServerWritableStream<unknown, unknown>>();
  const calls = new Map<string, number>();
  const store = new RuntimeStore({
    onChange: (change, { id, sandbox }) => {
      const event = containerEvent(store, change, { id, sandbox });
      for (const stream of streams) stream.write(event);
    },
  });
  const answer =
    (name: string, handler: Handler) =>
    (call: ServerUnaryCall<unknown, unknown>, reply: sendUnaryData<unknown>): void => {
      calls.set(name, (calls.get(name) ?? 0) + 1);
      const respond = (): void => {
        try {
          reply(null, handler(call.request as never));
        } catch (error) {
          const code = error instanceof FakeFault ? status[error.code] : status.INTERNAL;
          reply({ code, details: error instanceof Error ? error.message : String(error) });
        }
      };
      const ms = latencyMs(name);
      if (ms > 0) setTimeout(respond, ms);
      else respond();
    };
  const named = (handlers: Record<string, Handler>): Record<string, unknown> =>
    Object.fromEntries(Object.entries(handlers).map(([name, handler]) => [name, answer(name, handler)]));
  const { RuntimeService, ImageService } = loadProto().runtime.v1;
  const server = new Server();
  server.addService(RuntimeService.service, {
    ...named(runtimeCalls(store)),
    GetContainerEvents: (stream: ServerWritableStream<unknown, unknown>) => {
      if (!containerEvents) {
        stream.emit('error', { code: status.UNIMPLEMENTED, details: 'no container events here' });
        return;
      }
      streams.add(stream);
      stream.on('cancelled', () => streams.delete(stream));
    },
  });
  server.addService(ImageService.service, named(imageCalls(options.folder)) as never);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  return {
    endpoint: `unix://${socket}`,
    socket,
    store,
    calls,
    close: () => {
      server.forceShutdown();
      return Promise.resolve();
    },
  };
}

function loadProto(): ProtoGrpcType {
  const file = new URL('../../proto/cri.proto', import.meta.url).pathname;
  const how = { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true } as const;
  return loadPackageDefinition(loadSync(file, how)) as unknown as ProtoGrpcType;
}

interface Filter {
  readonly id?: string;
  readonly pod_sandbox_id?: string;
  readonly label_selector?: Readonly<Record<string, string>>;
  readonly state?: { readonly state: string } | null;
}

function matches(
  filter: Filter | null,
  of: { id: string; state: string; labels: Readonly<Record<string, string>> },
): boolean {
  if (filter === null) return true;
  if (filter.id !== undefined && filter.id !== '' && !of.id.startsWith(filter.id)) return false;
  if (filter.state && filter.state.state !== of.state) return false;
  return Object.entries(filter.label_selector ?? {}).every(([key, value]) => of.labels[key] === value);
}

function runtimeCalls(store: RuntimeStore): Record<string, Handler> {
  return {
    Version: () => ({
      version: '0.1.0',
      runtime_name: 'fake',
      runtime_version: 'v1.0.0',
      runtime_api_version: 'v1',
    }),
    Status: () => ({
      status: {
        conditions: ['RuntimeReady', 'NetworkReady'].map((type) => ({ type, status: true })),
      },
      runtime_handlers: [
        { name: '', features: { recursive_read_only_mounts: true, user_namespaces: false } },
      ],
    }),
    RunPodSandbox: ({
      config,
      runtime_handler: handler,
    }: {
      config: SandboxConfig;
      runtime_handler: string;
    }) => {
      mkdirSync(config.log_directory, { recursive: true });
      return { pod_sandbox_id: store.runSandbox(config, handler).id };
    },
    StopPodSandbox: ({ pod_sandbox_id: id }: { pod_sandbox_id: string }) => (store.stopSandbox(id), {}),
    RemovePodSandbox: ({ pod_sandbox_id: id }: { pod_sandbox_id: string }) => (store.removeSandbox(id), {}),
    PodSandboxStatus: ({ pod_sandbox_id: id }: { pod_sandbox_id: string }) => ({
      status: sandboxStatus(store.sandbox(id)),
    }),
    ListPodSandbox: ({ filter }: { filter: Filter | null }) => ({
      items: [...store.sandboxes.values()].map(sandboxItem).filter((item) => matches(filter, item)),
    }),
    CreateContainer: ({
      pod_sandbox_id: id,
      config,
    }: {
      pod_sandbox_id: string;
      config: ContainerConfig;
    }) => ({
      container_id: store.createContainer(id, config).id,
    }),
    StartContainer: ({ container_id: id }: { container_id: string }) => {
      const container = store.startContainer(id);
      const file = logFile(container);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, '', { flag: 'a' });
      return {};
    },
    StopContainer: ({ container_id: id }: { container_id: string }) => (store.stopContainer(id), {}),
    RemoveContainer: ({ container_id: id }: { container_id: string }) => (store.removeContainer(id), {}),
    ContainerStatus: ({ container_id: id }: { container_id: string }) => ({
      status: containerStatus(store.container(id)),
    }),
    ListContainers: ({ filter }: { filter: Filter | null }) => ({
      containers: [...store.containers.values()]
        .filter(
          ({ sandbox }) =>
            (filter?.pod_sandbox_id ?? '') === '' || sandbox.id.startsWith(filter?.pod_sandbox_id ?? ''),
        )
        .map(containerItem)
        .filter((item) => matches(filter, item)),
    }),
    UpdateContainerResources: ({ container_id: id }: { container_id: string }) => (store.container(id), {}),
    UpdateRuntimeConfig: () => ({}),
    ReopenContainerLog: ({ container_id: id }: { container_id: string }) => {
      writeFileSync(logFile(store.container(id)), '', { flag: 'a' });
      return {};
    },
    ExecSync: ({ container_id: id }: { container_id: string }) => (
      store.container(id),
      { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), exit_code: 0 }
    ),
    ListContainerStats: () => ({ stats: [] }),
    ListPodSandboxStats: () => ({ stats: [] }),
  };
}

function imageCalls(folder: string): Record<string, Handler> {
  const tags = new Set([IMAGE.tag]);
  const image = (tag: string): object => ({
    id: IMAGE.id,
    repo_tags: [tag],
    repo_digests: [],
    size: IMAGE.size,
    spec: { image: tag },
  });
  interface Named {
    image: { image: string };
  }
  return {
    ListImages: () => ({ images: [...tags].map(image) }),
    ImageStatus: ({ image: { image: name } }: Named) => {
      if (name === IMAGE.id) return { image: image(IMAGE.tag) };
      return tags.has(name) ? { image: image(name) } : {};
    },
    PullImage: ({ image: { image: name } }: Named) => {
      tags.add(name);
      return { image_ref: IMAGE.id };
    },
    RemoveImage: ({ image: { image: name } }: Named) => (tags.delete(name), {}),
    ImageFsInfo: () => ({
      image_filesystems: [
        { timestamp: Date.now() * 1e6, fs_id: { mountpoint: folder }, used_bytes: { value: 0 } },
      ],
    }),
  };
}

function sandboxItem({ id, config, ready, createdAt, handler }: FakeSandbox): {
  id: string;
  state: string;
  labels: Readonly<Record<string, string>>;
} & object {
  const { metadata, labels, annotations } = config;
  const state = ready ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY';
  return {
    id,
    metadata,
    state,
    created_at: createdAt,
    labels,
    annotations,
    runtime_handler: handler,
  } as never;
}

function sandboxStatus(sandbox: FakeSandbox): object {
  const network = sandbox.config.linux?.security_context?.namespace_options?.network ?? 'POD';
  return {
    ...sandboxItem(sandbox),
    network: { ip: sandbox.ip },
    linux: { namespaces: { options: { network } } },
  };
}

function containerItem(container: FakeContainer): {
  id: string;
  state: string;
  labels: Readonly<Record<string, string>>;
} & object {
  const { id, sandbox, config, state, createdAt } = container;
  const { metadata, image, labels, annotations } = config;
  const of = { pod_sandbox_id: sandbox.id, metadata, image, image_ref: IMAGE.id };
  return { id, ...of, state, created_at: createdAt, labels, annotations } as never;
}

function containerStatus(container: FakeContainer): object {
  const { config, startedAt, finishedAt, exitCode, state } = container;
  const reason = state === 'CONTAINER_EXITED' ? (exitCode === 0 ? 'Completed' : 'Error') : '';
  return {
    ...containerItem(container),
    image: { image: config.image.user_specified_image || config.image.image },
    started_at: startedAt,
    finished_at: finishedAt,
    exit_code: exitCode,
    reason,
    mounts: config.mounts,
    log_path: logFile(container),
  };
}

function logFile({ sandbox, config }: FakeContainer): string {
  return `${sandbox.config.log_directory}/${config.log_path}`;
}

function containerEvent(
  store: RuntimeStore,
  change: Change,
  { id, sandbox }: { id: string; sandbox: FakeSandbox },
): object {
  return {
    container_id: id,
    container_event_type: change,
    created_at: Date.now() * 1e6,
    pod_sandbox_status: sandboxStatus(sandbox),
    containers_statuses: store.of(sandbox).map(containerStatus),
  };
}
