/** One variable of a container, and what is read for it. */
export interface EnvEntry {
  readonly name: string;
  /** any bytes, as model/go-string.ts keeps them */
  readonly value: string;
}

/**
 * The outcome of reading an object beforehand; a failure counts only if the object turns out to be needed.
 */
export type Fetched<T> = { readonly value: T } | { readonly error: unknown };
