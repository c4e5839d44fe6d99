/** Tells of what changes on a Node: in its events, and in the log. */
import type { EventRecorder } from '../model/events.ts';
import type { NodeStatus } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import type { NodeEventReason } from '../model/node-event-reasons.ts';
import { nodeReference } from '../model/pod-ref.ts';
import { conditionEvents, conditionStatus, schedulableEvent } from './node-events.ts';

const hostsReady = 'farlet.dev/HostsReady';

export class NodeTransitions {
  readonly #name: string;
  readonly #events: EventRecorder;
  readonly #log: Log;
  #isUnschedulable = false;

  constructor({ name, events, log }: { name: string; events: EventRecorder; log: Log }) {
    this.#name = name;
    this.#events = events;
    this.#log = log;
  }

  registered(): void {
    this.#event('Starting', 'Starting kubelet.');
  }

  registeredAgain(uid: string | undefined): void {
    this.#log.warn({ uid }, 'the node is registered again');
    this.#event(
      'NodeDeleted',
      `The Node object was deleted while farlet runs node ${this.#name}: it is registered again`,
    );
  }

  /** Told once for each change. */
  schedulable(isUnschedulable: boolean): void {
    if (isUnschedulable === this.#isUnschedulable) return;
    this.#isUnschedulable = isUnschedulable;
    this.#tellStatus(schedulableEvent(isUnschedulable));
  }

  /** One status was written after the other. */
  status(before: NodeStatus, after: NodeStatus): void {
    const [bootBefore = '', boot = ''] = [before.nodeInfo?.bootID, after.nodeInfo?.bootID];
    if (bootBefore !== '' && bootBefore !== boot) {
      this.#log.warn({ bootID: boot }, 'the host has been rebooted');
      this.#event('Rebooted', `Node ${this.#name} has been rebooted, boot id: ${boot}`);
    }
    const messageOf = (type: string): string | undefined =>
      after.conditions?.find((each) => each.type === type)?.message;
    const ready = conditionStatus(after, hostsReady);
    if (ready === 'False' && conditionStatus(before, hostsReady) !== ready)
      this.#event('HostNotReady', messageOf(hostsReady) ?? '');
    for (const { type, reason } of conditionEvents(before, after)) {
      this.#log.info({ reason, message: messageOf(type) }, 'node condition changed');
      this.#tellStatus(reason);
    }
  }

  #tellStatus(reason: NodeEventReason): void {
    this.#event(reason, `Node ${this.#name} status is now: ${reason}`);
  }

  #event(reason: NodeEventReason, message: string): void {
    this.#events.event(nodeReference(this.#name), reason, message);
  }
}
