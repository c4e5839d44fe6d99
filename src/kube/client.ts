/** Options of every API call. */
export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  /** default 30 s; 10 s for leases and reviews (kube/dispatchers.ts) */
  readonly timeoutMs?: number;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
}

export type PatchType = 'strategic' | 'merge' | 'json' | 'apply';

/**
 * The API server as plain JSON over paths (kube/paths.ts makes them). Failures reject with KubeError, and so
 * does an answer that does not have the form that the path requires (kube/answers.ts). Only two things are
 * retried here: requests that never reached the server, and those that the server asks to retry after a delay
 * that the deadline allows.
 */
export interface KubeClient {
  get<T>(path: string, options?: RequestOptions): Promise<T>;
  create<T>(path: string, body: object, options?: RequestOptions): Promise<T>;
  replace<T>(path: string, body: object, options?: RequestOptions): Promise<T>;
  patch<T>(path: string, type: PatchType, body: object, options?: RequestOptions): Promise<T>;
  delete(path: string, body?: object, options?: RequestOptions): Promise<void>;
}
