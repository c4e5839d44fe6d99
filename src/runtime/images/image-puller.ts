/**
 * Makes sure that a container's image is on the host: pkg/kubelet/images/{image_manager,puller}.go and
 * kuberuntime_image.go. Pulls wait for each other per host, so that what they hold up is only their
 * own pod. Whether a pod may use what is there already is up to what it was pulled with (pull-access.ts).
 */
import type { CriClient } from '../../hosts/cri/calls.ts';
import type { Image__Output } from '../../hosts/cri/generated/runtime/v1/Image.ts';
import type { ImageSpec } from '../../hosts/cri/generated/runtime/v1/ImageSpec.ts';
import type { PodSandboxConfig } from '../../hosts/cri/generated/runtime/v1/PodSandboxConfig.ts';
import { messageOf } from '../../model/errors.ts';
import type { EventReason } from '../../model/event-reasons.ts';
import type { EventRecorder } from '../../model/events.ts';
import { goQuote } from '../../model/go-quote.ts';
import type { ObjectReference, Pod, Secret } from '../../model/kube.ts';
import { ContainerStartError, type WaitingReason } from '../../model/reasons.ts';
import type { Clock } from '../../util/clock.ts';
import { Semaphore } from '../../util/semaphore.ts';
import { goDuration } from '../../model/go-time.ts';
import { parseImageName, withDefaultTag } from './image-reference.ts';
import { credentialsFor, type TrackedCredentials } from './keyring.ts';
import type { PullAccess } from './pull-access.ts';
import { PullBackoff } from './pull-backoff.ts';
import { aggregate, pullErrorText, pullFailure } from './pull-errors.ts';
import type { PullRate } from './pull-rate.ts';
import type { PulledWith, SecretSource } from './pull-verification.ts';
import type { ImageUser } from '../spec/security-context.ts';

export type ImageCri = Pick<CriClient, 'imageStatus' | 'pullImage'>;

export interface ImageRequest {
  readonly pod: Pod;
  readonly image: string;
  readonly pullPolicy: string | undefined;
  /** what events are about: the container or the pod */
  readonly about: ObjectReference;
  readonly pullSecrets: readonly Secret[];
  readonly sandboxConfig: PodSandboxConfig;
  /** answers of this sync's earlier questions, by image */
  readonly known?: KnownImages;
}

/** An image on the host. */
export interface ReadyImage {
  /** what the runtime calls it: its id */
  readonly imageRef: string;
  readonly user: ImageUser;
}

/** What the runtime said of images within one sync; a pull renews it. undefined: not there. */
export type KnownImages = Map<string, Promise<Image__Output | undefined>>;

export interface ImagePullerOptions {
  readonly cri: ImageCri;
  readonly events: EventRecorder;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  /** how many pulls may run at a time: 1 with serializeImagePulls, else maxParallelImagePulls */
  readonly width: number;
  readonly rate: PullRate;
  readonly access: Pick<PullAccess, 'mayUse' | 'pulling' | 'pulled' | 'failed'>;
  /** a pull begins, which may have to wait for others */
  readonly onPulling?: (podUid: string) => void;
  /** a pull that succeeded: seconds with waiting, size in bytes */
  readonly onPulled?: (pull: { podUid: string; seconds: number; sizeBytes: number }) => void;
}

type NamedImage = ImageSpec & { readonly image: string };

interface Pulled {
  readonly imageRef: string;
  readonly image: Image__Output;
  readonly ms: number;
  readonly with: PulledWith;
}

/** The images of one host. */
export class ImagePuller {
  readonly #options: ImagePullerOptions;
  readonly #semaphore: Semaphore;
  readonly #backoff = new PullBackoff();

  constructor(options: ImagePullerOptions) {
    this.#options = options;
    this.#semaphore = new Semaphore(options.width);
  }

  /** Asks for images beforehand, so that ensureImage need not wait. Never throws: ensureImage tells. */
  ask(
    images: readonly { pod: Pod; image: string; pullPolicy: string | undefined }[],
    signal: AbortSignal,
  ): KnownImages {
    const known: KnownImages = new Map();
    for (const { pod, image, pullPolicy } of images) {
      if (pullPolicy === 'Always') continue;
      let name: string;
      try {
        name = withDefaultTag(image);
      } catch {
        continue;
      }
      if (known.has(name)) continue;
      const answer = this.#status(imageSpec(pod, name), signal);
      answer.catch(() => undefined);
      known.set(name, answer);
    }
    return known;
  }

  /**
   * Resolves with the image once it is on the host, pulled if its policy wants so. Rejects with
   * ContainerStartError as the kubelet names it, or with the signal's reason.
   */
  async ensureImage(request: ImageRequest, { signal }: { signal: AbortSignal }): Promise<ReadyImage> {
    const spec = this.#spec(request);
    const present = request.pullPolicy === 'Always' ? undefined : await this.#present(request, spec, signal);
    if (present !== undefined && (await this.#mayUse(request, spec, { imageRef: present.id, signal }))) {
      this.#event(
        request,
        'Pulled',
        `Container image ${goQuote(request.image)} already present on machine and can be accessed by the pod`,
      );
      return { imageRef: present.id, user: userOf(present) };
    }
    if (request.pullPolicy === 'Never') {
      const message = `Container image ${goQuote(request.image)} is not present with pull policy of Never`;
      throw this.#failure(request, { event: 'ErrImageNeverPull', reason: 'ErrImageNeverPull', message });
    }
    const { imageRef, image } = await this.#pull(request, spec, signal);
    request.known?.set(spec.image, Promise.resolve(image));
    return { imageRef, user: userOf(image) };
  }

  async #mayUse(
    request: ImageRequest,
    spec: NamedImage,
    { imageRef, signal }: { imageRef: string; signal: AbortSignal },
  ): Promise<boolean> {
    const secrets = (): SecretSource[] => this.#credentials(request, spec).map(({ source }) => source);
    return this.#options.access.mayUse({ image: request.image, imageRef, secrets }, { signal });
  }

  #credentials(request: ImageRequest, spec: NamedImage): TrackedCredentials[] {
    return credentialsFor(parseImageName(spec.image).repository, request.pullSecrets);
  }

  #spec(request: ImageRequest): NamedImage {
    try {
      return imageSpec(request.pod, withDefaultTag(request.image));
    } catch (error) {
      const message = `Failed to apply default image tag ${goQuote(request.image)}: ${messageOf(error)}`;
      throw this.#failure(request, {
        event: 'InspectFailed',
        reason: 'InvalidImageName',
        message,
        cause: error,
      });
    }
  }

  async #present(
    request: ImageRequest,
    spec: NamedImage,
    signal: AbortSignal,
  ): Promise<Image__Output | undefined> {
    try {
      return await (request.known?.get(spec.image) ?? this.#status(spec, signal));
    } catch (error) {
      signal.throwIfAborted();
      // asking again is up to the next sync
      const message = `Failed to inspect image "": ${messageOf(error)}`;
      throw this.#failure(request, {
        event: 'InspectFailed',
        reason: 'ImageInspectError',
        message,
        cause: error,
      });
    }
  }

  async #pull(request: ImageRequest, spec: NamedImage, signal: AbortSignal): Promise<Pulled> {
    const { clock, access } = this.#options;
    const key = `${request.pod.metadata.uid}_${request.image}`;
    this.#holdBack(request, key);
    await this.#announce(request, signal);
    this.#options.onPulling?.(request.pod.metadata.uid);
    this.#event(request, 'Pulling', `Pulling image ${goQuote(request.image)}`);
    const began = clock.monotonic();
    try {
      const pulled = await this.#semaphore.run(signal, () => this.#pullNow(request, spec, signal));
      await access.pulled(request.image, pulled, { signal });
      const wholeMs = clock.monotonic() - began;
      const sizeBytes = pulled.image.size;
      this.#event(
        request,
        'Pulled',
        `Successfully pulled image ${goQuote(request.image)} in ${goDuration(pulled.ms)} (${goDuration(wholeMs)} including waiting). Image size: ${sizeBytes} bytes.`,
      );
      const podUid = request.pod.metadata.uid;
      this.#options.onPulled?.({ podUid, seconds: wholeMs / 1000, sizeBytes });
      return pulled;
    } catch (error) {
      // what is called off may still arrive: its intent stays until a pull is seen to end
      signal.throwIfAborted();
      await access.failed(request.image, { signal });
      const { reason, message } = pullFailure(request.image, error);
      this.#event(
        request,
        'Failed',
        `Failed to pull image ${goQuote(request.image)}: ${pullErrorText(error)}`,
      );
      this.#backoff.failed(key, clock.now(), `${reason}: ${message}`);
      // no time to try again: the pod is looked at as after any failure, so that an image that has come is
      // seen
      throw new ContainerStartError(reason, message, { cause: error });
    }
  }

  async #announce(request: ImageRequest, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.access.pulling(request.image, { signal });
    } catch (error) {
      signal.throwIfAborted();
      const message = `Failed to record image pull intent for container image ${goQuote(request.image)}: ${messageOf(error)}`;
      throw new ContainerStartError('ErrImagePull', message, { cause: error });
    }
  }

  #holdBack(request: ImageRequest, key: string): void {
    const held = this.#backoff.heldBack(key, this.#options.clock.now());
    if (held === undefined) return;
    const message = `Back-off pulling image ${goQuote(request.image)}`;
    this.#event(request, 'BackOffPull', message);
    throw new ContainerStartError('ImagePullBackOff', `${message}: ${held.message}`);
  }

  async #pullNow(request: ImageRequest, spec: NamedImage, signal: AbortSignal): Promise<Pulled> {
    const { clock, rate } = this.#options;
    const began = clock.monotonic();
    if (!rate.take(clock.now())) throw new Error('pull QPS exceeded');
    const pulled = await this.#pullWithCredentials(request, spec, signal);
    const image = await this.#status(spec, signal);
    if (image === undefined) throw new Error(`the runtime does not find ${spec.image} after its pull`);
    return { ...pulled, image, ms: clock.monotonic() - began };
  }

  /** Tries every credential that fits in turn; without one the pull is anonymous. */
  async #pullWithCredentials(
    request: ImageRequest,
    spec: NamedImage,
    signal: AbortSignal,
  ): Promise<Pick<Pulled, 'imageRef' | 'with'>> {
    const credentials = this.#credentials(request, spec);
    const failures: unknown[] = [];
    for (const each of credentials.length === 0 ? [undefined] : credentials) {
      try {
        const answer = await this.#options.cri.pullImage(
          {
            image: spec,
            sandbox_config: request.sandboxConfig,
            ...(each === undefined ? {} : { auth: each.auth }),
          },
          { signal },
        );
        const pulledWith: PulledWith =
          each === undefined ? { open: true } : { open: false, secrets: [each.source] };
        return { imageRef: answer.image_ref, with: pulledWith };
      } catch (error) {
        signal.throwIfAborted();
        failures.push(error);
      }
    }
    throw failures.length === 1 ? failures[0] : aggregate(failures);
  }

  async #status(spec: ImageSpec, signal: AbortSignal): Promise<Image__Output | undefined> {
    const { image } = await this.#options.cri.imageStatus({ image: spec }, { signal });
    return image ?? undefined;
  }

  #failure(
    request: ImageRequest,
    fault: { event: EventReason; reason: WaitingReason; message: string; cause?: unknown },
  ): ContainerStartError {
    this.#event(request, fault.event, fault.message);
    return new ContainerStartError(fault.reason, fault.message, { cause: fault.cause });
  }

  #event(request: ImageRequest, reason: EventReason, message: string): void {
    this.#options.events.event(request.about, reason, message);
  }
}

function imageSpec(pod: Pod, image: string): NamedImage {
  return { image, annotations: { ...pod.metadata.annotations } };
}

/** An image without a user runs as root. */
function userOf(image: Image__Output): ImageUser {
  if (image.uid !== null) return { uid: image.uid.value };
  return image.username === '' ? { uid: 0 } : { username: image.username };
}
