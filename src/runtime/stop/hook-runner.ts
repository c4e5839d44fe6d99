/**
 * Lifecycle hooks: pkg/kubelet/lifecycle/handlers.go. Commands are not expanded and have no limit of their
 * own.
 */
import type { CriClient } from '../../hosts/cri/calls.ts';
import { authorityText } from '../../hosts/go-http/request.ts';
import type { HostLink } from '../../hosts/link/link.ts';
import { FarletError, messageOf } from '../../model/errors.ts';
import type { EventRecorder } from '../../model/events.ts';
import { goQuote } from '../../model/go-quote.ts';
import type { Container, HTTPGetAction, LifecycleHandler, Pod } from '../../model/kube.ts';
import { formatPod, podRef, podReference } from '../../model/pod-ref.ts';
import type { Clock } from '../../util/clock.ts';
import type { RuntimeMetrics } from '../spec/providers.ts';
import { hookRequest, isPlainHttpAnswer, plainRequest, sendHookRequest } from './hook-http.ts';

const maxOutputBytes = 10 * 1024;

export interface HookTarget {
  readonly pod: Pod;
  readonly container: Container;
  readonly containerId: string;
  readonly podIPs: readonly string[];
}

export interface HookOptions {
  readonly cri: Pick<CriClient, 'execSync'>;
  readonly dial: HostLink['dial'];
  readonly events: EventRecorder;
  readonly metrics: Pick<RuntimeMetrics, 'hookFellBack' | 'sleepCut'>;
  readonly clock: Pick<Clock, 'sleep'>;
}

/** Runs the hooks of one host's containers. */
export class HookRunner {
  readonly #options: HookOptions;

  constructor(options: HookOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the hook has done its work. Rejects with a FarletError whose message is the one the kubelet
   * puts into the container's status (never into an event: it holds the command's output), or with the
   * signal's reason.
   */
  async run(
    handler: LifecycleHandler,
    target: HookTarget,
    { signal }: { signal: AbortSignal },
  ): Promise<void> {
    const what = `lifecycle hook (${describe(handler)}) for Container ${goQuote(target.container.name)} in Pod ${goQuote(formatPod(podRef(target.pod)))} failed - error: `;
    if (handler.exec !== undefined) return this.#exec(handler.exec.command ?? [], { target, what, signal });
    try {
      if (handler.httpGet !== undefined) await this.#http(handler.httpGet, target, signal);
      else if (handler.sleep !== undefined) await this.#sleep(handler.sleep.seconds, signal);
      else throw new FarletError('invalid', 'invalid handler');
    } catch (error) {
      signal.throwIfAborted();
      const kind = handler.httpGet === undefined ? 'Sleep' : 'HTTP';
      throw handler.httpGet === undefined && handler.sleep === undefined
        ? new FarletError('invalid', `Cannot run handler: ${messageOf(error)}`, { cause: error })
        : new FarletError('internal', `${kind} ${what}${messageOf(error)}`, { cause: error });
    }
  }

  async #exec(
    command: string[],
    { target, what, signal }: { target: HookTarget; what: string; signal: AbortSignal },
  ): Promise<void> {
    let output = '';
    try {
      const answer = await this.#options.cri.execSync(
        { container_id: target.containerId, cmd: command, timeout: 0 },
        { signal },
      );
      if (answer.exit_code === 0) return;
      output = Buffer.concat([answer.stdout, answer.stderr]).subarray(0, maxOutputBytes).toString('utf8');
      throw new FarletError(
        'internal',
        `command '${command.join(' ')}' exited with ${answer.exit_code}: ${answer.stderr.toString('utf8')}`,
      );
    } catch (error) {
      signal.throwIfAborted();
      throw new FarletError('internal', `Exec ${what}${messageOf(error)}, message: ${goQuote(output)}`, {
        cause: error,
      });
    }
  }

  async #sleep(seconds: number, signal: AbortSignal): Promise<void> {
    const { clock, metrics } = this.#options;
    try {
      await clock.sleep(seconds * 1000, { signal });
    } catch (error) {
      metrics.sleepCut();
      throw error;
    }
  }

  async #http(action: HTTPGetAction, target: HookTarget, signal: AbortSignal): Promise<void> {
    const ip = target.podIPs[0];
    if (ip === undefined && (action.host ?? '') === '')
      throw new FarletError('unavailable', 'failed to find networking container: the pod has no address');
    const hook = hookRequest(action, target.container, ip ?? '');
    try {
      await sendHookRequest(this.#options.dial, hook, { signal });
    } catch (error) {
      if (!isPlainHttpAnswer(error)) throw error;
      // of two failures the first is told, as a kubelet does
      await sendHookRequest(this.#options.dial, plainRequest(hook), { signal }).catch(() => {
        throw error;
      });
      this.#options.metrics.hookFellBack();
      this.#options.events.event(
        podReference(target.pod),
        'LifecycleHTTPFallback',
        `request to HTTPS lifecycle hook ${authorityText(hook)} got HTTP response, retry with HTTP succeeded`,
      );
    }
  }
}

function describe(handler: LifecycleHandler): string {
  if (handler.exec !== undefined) return `[${(handler.exec.command ?? []).join(' ')}]`;
  return handler.httpGet?.path ?? String(handler.sleep?.seconds ?? '');
}
