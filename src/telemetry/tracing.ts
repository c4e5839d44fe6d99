/**
 * The span that work is done in, carried along by Node's asynchronous contexts: what is done for a pod finds
 * its trace without a parameter through every call. There is no Tracing while tracing is off.
 *
 * I1. A span takes children only until its work has ended: what that leaves behind (timers, watches,
 *     volumes that go on) belongs to no trace.
 * I2. Nothing here fails or waits: a trace is never a reason for anything.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Span, SpanAttributes, SpanStart, Tracer } from './tracer.ts';

interface Active {
  readonly span: Span;
  /** every step of it is told, also one that found nothing to do */
  readonly whole: boolean;
  isOpen: boolean;
  /** it was worth telling: something was called */
  hasCalled: boolean;
}

export interface RunOptions<T> {
  /** false: it is told only if a call is made in it or it fails, and its small steps are not told at all */
  readonly whole: boolean;
  /** what the result says of the span */
  readonly told?: (result: T) => SpanAttributes;
}

export class Tracing {
  readonly #tracer: Tracer;
  readonly #active = new AsyncLocalStorage<Active | undefined>();

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  /** A span that is nobody's work: the caller ends it. */
  start(span: SpanStart): Span {
    return this.#tracer.start(span);
  }

  /** Does the work in a span of its own. Resolves and rejects as the work does. */
  run<T>(span: SpanStart, work: () => Promise<T>, { whole, told }: RunOptions<T>): Promise<T> {
    const active: Active = { span: this.#tracer.start(span), whole, isOpen: true, hasCalled: false };
    return this.#active.run(active, () => ended(active, work, told));
  }

  /** A step of the work that the caller does; outside of whole traces it is just done. */
  step<T>(name: string, attributes: SpanAttributes, work: () => Promise<T>): Promise<T> {
    const parent = this.#open();
    if (parent?.whole !== true) return work();
    return this.run({ name, attributes, parent: parent.span }, work, { whole: true });
  }

  /** A call that the caller makes to somebody else; undefined where he has no span. He ends it. */
  call(name: string, attributes: SpanAttributes): Span | undefined {
    const parent = this.#open();
    if (parent === undefined) return undefined;
    parent.hasCalled = true;
    return this.#tracer.start({ name, attributes, kind: 'client', parent: parent.span });
  }

  /** What this starts belongs to nobody's trace. */
  outside<T>(work: () => T): T {
    return this.#active.run(undefined, work);
  }

  close(): Promise<void> {
    return this.#tracer.close();
  }

  #open(): Active | undefined {
    const active = this.#active.getStore();
    return active?.isOpen === true ? active : undefined;
  }
}

async function ended<T>(active: Active, work: () => Promise<T>, told: RunOptions<T>['told']): Promise<T> {
  try {
    const result = await work();
    active.isOpen = false;
    if (active.whole || active.hasCalled)
      active.span.end(told === undefined ? {} : { attributes: told(result) });
    return result;
  } catch (error) {
    active.isOpen = false;
    active.span.end({ error });
    throw error;
  }
}
