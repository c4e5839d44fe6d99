/** A gate before everything that an object can do. */

export interface Fence {
  /** undefined: go on; a promise: go on once it resolves; throws or rejects: don't. */
  pass(): Promise<void> | undefined;
}

export interface FencedKinds<T> {
  /** methods that give an async iterable; those that are named nowhere give a promise */
  readonly streams?: readonly (keyof T & string)[];
  /** methods that the fence does not concern */
  readonly free?: readonly (keyof T & string)[];
  /** methods that it concerns; default: all others */
  readonly only?: readonly (keyof T & string)[];
}

/** The same object, whose methods go through the fence first. */
export function fenced<T extends object>(target: T, fence: Fence, kinds: FencedKinds<T> = {}): T {
  const { streams = [], free = [], only } = kinds;
  const wrapped = new Map<string | symbol, unknown>();
  return new Proxy(target, {
    get(_target, key) {
      const known = wrapped.get(key);
      if (known !== undefined) return known;
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      const method = value.bind(target) as Method;
      const isOneOf = (names: readonly string[]): boolean => typeof key === 'string' && names.includes(key);
      const isFree = isOneOf(free) || (only !== undefined && !isOneOf(only));
      const through = isFree
        ? method
        : isOneOf(streams)
          ? (...args: readonly unknown[]) => streamed(fence, () => method(...args) as AsyncIterable<unknown>)
          : (...args: readonly unknown[]) => promised(fence, () => method(...args) as Promise<unknown>);
      wrapped.set(key, through);
      return through;
    },
  });
}

type Method = (...args: readonly unknown[]) => unknown;

function promised(fence: Fence, call: () => Promise<unknown>): Promise<unknown> {
  let pass: Promise<void> | undefined;
  try {
    pass = fence.pass();
  } catch (error) {
    return Promise.reject(error instanceof Error ? error : new Error(String(error)));
  }
  return pass === undefined ? call() : pass.then(call);
}

async function* streamed(fence: Fence, call: () => AsyncIterable<unknown>): AsyncIterable<unknown> {
  await fence.pass();
  yield* call();
}
