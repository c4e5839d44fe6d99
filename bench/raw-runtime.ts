/** The floor: the CRI calls that a pod needs and no more, by a bare gRPC client. */
import { ChannelCredentials, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';
import type { ContainerConfig } from '../src/hosts/cri/generated/runtime/v1/ContainerConfig.ts';
import type { ContainerStatusResponse__Output } from '../src/hosts/cri/generated/runtime/v1/ContainerStatusResponse.ts';
import type { ListPodSandboxResponse__Output } from '../src/hosts/cri/generated/runtime/v1/ListPodSandboxResponse.ts';
import type { PodSandboxConfig } from '../src/hosts/cri/generated/runtime/v1/PodSandboxConfig.ts';
import type { PodSandboxStatusResponse__Output } from '../src/hosts/cri/generated/runtime/v1/PodSandboxStatusResponse.ts';
import type { ListContainersResponse__Output } from '../src/hosts/cri/generated/runtime/v1/ListContainersResponse.ts';
import type { ProtoGrpcType } from '../src/hosts/cri/generated/cri.ts';

/** Requests of one pod with one container. */
export interface RawPodConfig {
  readonly sandbox: PodSandboxConfig;
  readonly container: ContainerConfig;
}

export interface RawPod {
  readonly sandboxId: string;
  readonly containerId: string;
  /** ms from the first call to the answer of StartContainer, when the container runs */
  readonly ms: number;
  /** ms of RunPodSandbox, CreateContainer, StartContainer */
  readonly steps: readonly [number, number, number];
}

type Call = (request: object, callback: (error: ServiceError | null, answer: unknown) => void) => void;

const STOP_SECONDS = 2;

export class RawRuntime {
  readonly #client: { close(): void };

  constructor(socket: string) {
    const file = fileURLToPath(new URL('../proto/cri.proto', import.meta.url));
    const loaded = loadPackageDefinition(
      loadSync(file, { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true }),
    ) as unknown as ProtoGrpcType;
    this.#client = new loaded.runtime.v1.RuntimeService(
      `unix:${socket}`,
      ChannelCredentials.createInsecure(),
    );
  }

  close(): void {
    this.#client.close();
  }

  async startPod({ sandbox, container }: RawPodConfig): Promise<RawPod> {
    const began = performance.now();
    const run = await this.#call<{ pod_sandbox_id: string }>('RunPodSandbox', { config: sandbox });
    const sandboxId = run.pod_sandbox_id;
    const ran = performance.now();
    const created = await this.#call<{ container_id: string }>('CreateContainer', {
      pod_sandbox_id: sandboxId,
      config: container,
      sandbox_config: sandbox,
    });
    const made = performance.now();
    await this.#call('StartContainer', { container_id: created.container_id });
    const started = performance.now();
    return {
      sandboxId,
      containerId: created.container_id,
      ms: started - began,
      steps: [ran - began, made - ran, started - made],
    };
  }

  /** Throws unless the container runs: a floor that counted failures would be no floor. */
  async assertRunning({ containerId }: RawPod): Promise<void> {
    const { status } = await this.containerStatus(containerId);
    if (status?.state !== 'CONTAINER_RUNNING')
      throw new Error(`raw container ${containerId} is ${status?.state ?? 'gone'} instead of running`);
  }

  /** Stops and removes; ms. */
  async deletePod({ sandboxId, containerId }: RawPod): Promise<number> {
    const began = performance.now();
    await this.#call('StopContainer', { container_id: containerId, timeout: STOP_SECONDS });
    await this.#call('StopPodSandbox', { pod_sandbox_id: sandboxId });
    await this.#call('RemoveContainer', { container_id: containerId });
    await this.#call('RemovePodSandbox', { pod_sandbox_id: sandboxId });
    return performance.now() - began;
  }

  containerStatus(id: string): Promise<ContainerStatusResponse__Output> {
    return this.#call('ContainerStatus', { container_id: id, verbose: true });
  }

  sandboxStatus(id: string): Promise<PodSandboxStatusResponse__Output> {
    return this.#call('PodSandboxStatus', { pod_sandbox_id: id, verbose: true });
  }

  /** Ids of the sandboxes and containers that carry a label. */
  async withLabel(key: string, value: string): Promise<{ sandboxes: string[]; containers: string[] }> {
    const filter = { label_selector: { [key]: value } };
    const sandboxes = await this.#call<ListPodSandboxResponse__Output>('ListPodSandbox', { filter });
    const containers = await this.#call<ListContainersResponse__Output>('ListContainers', { filter });
    return {
      sandboxes: sandboxes.items.map(({ id }) => id),
      containers: containers.containers.map(({ id }) => id),
    };
  }

  /** How many sandboxes there are, ready or not. */
  async sandboxes(): Promise<number> {
    return (await this.#call<ListPodSandboxResponse__Output>('ListPodSandbox', {})).items.length;
  }

  #call<Answer>(method: string, request: object): Promise<Answer> {
    const call = (this.#client as unknown as Record<string, Call>)[method];
    if (call === undefined) throw new Error(`the CRI has no ${method}`);
    return new Promise((resolve, reject) => {
      call.call(this.#client, request, (error, answer) => {
        if (error === null) resolve(answer as Answer);
        else reject(new Error(`${method}: ${error.details}`, { cause: error }));
      });
    });
  }
}
