/** Options of every API call. */
export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  /** default 30 s; 10 s for leases and reviews (kube/dispatchers.ts) */
  readonly timeoutMs?: number;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
}

export type PatchType = 'strategic' | 'merge' | 'json' | 'apply';

/**
 * The API server as plain JSON over paths (kube/paths.ts makes them). Failures reject with KubeError, and so does an answer that
 * is not what the path asks for (kube/answers.ts). Nothing is retried here except what never reached the server, and what it
 * asks to be tried again after a while that the deadline allows for.
 */
export interface KubeClient {
  get<T>(path: string, options?: RequestOptions): Promise<T>;
  create<T>(path: string, body: object, options?: RequestOptions): Promise<T>;
  replace<T>(path: string, body: object, options?: RequestOptions): Promise<T>;
  patch<T>(path: string, type: PatchType, body: object, options?: RequestOptions): Promise<T>;
  delete(path: string, body?: object, options?: RequestOptions): Promise<void>;
}
