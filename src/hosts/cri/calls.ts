import type { ContainerEventResponse__Output } from './generated/runtime/v1/ContainerEventResponse.ts';
import type { ImageServiceDefinition } from './generated/runtime/v1/ImageService.ts';
import type { RuntimeServiceDefinition } from './generated/runtime/v1/RuntimeService.ts';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** default: 2 minutes, 4 for RunPodSandbox, grace + 2 minutes for StopContainer, none for PullImage */
  readonly timeoutMs?: number;
}

type Streaming =
  | 'GetContainerEvents'
  | 'StreamContainerStats'
  | 'StreamContainers'
  | 'StreamPodSandboxMetrics'
  | 'StreamPodSandboxStats'
  | 'StreamPodSandboxes'
  | 'StreamImages';

/** Every call that answers once; the index signature of grpc-js's service definitions is left out. */
type UnaryCalls<Service> = {
  [
    M in keyof Service as string extends M ? never : M extends Streaming ? never : Uncapitalize<M & string>
  ]: Service[M] extends {
    requestSerialize: (value: infer Request) => Buffer;
    responseDeserialize: (bytes: Buffer) => infer Answer;
  }
    ? (request: Request, options?: CallOptions) => Promise<Answer>
    : never;
};

/**
 * The CRI v1 of one host as promises: one method per call of the wire contract (proto/cri.proto), named in
 * lower camel case, with the contract's own message types. A call that fails rejects with CriError; an
 * aborted one with the signal's reason. Nothing is retried here.
 */
export type CriClient = UnaryCalls<RuntimeServiceDefinition> &
  UnaryCalls<ImageServiceDefinition> & {
    /** The runtime's container events until the signal aborts or the stream breaks (then it throws). */
    getContainerEvents(options: { signal: AbortSignal }): AsyncIterable<ContainerEventResponse__Output>;
    close(): void;
  };
