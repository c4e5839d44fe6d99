import { isNotFound, kindOf, messageOf } from '../model/errors.ts';
import type { KubeObject } from '../model/kube.ts';
import type { KubeClient } from './client.ts';

/**
 * After a write that carries a UID was refused with a 404 or 409: the object of that UID as the API server
 * has it, undefined if it is gone. A 409 means either that the name belongs to another object by now or that
 * another write came first; only a read shows which. Rejects if the read fails.
 */
export async function stillThere<T extends KubeObject>(
  client: Pick<KubeClient, 'get'>,
  refusal: unknown,
  { path, uid, signal }: { path: string; uid: string; signal: AbortSignal },
): Promise<T | undefined> {
  if (isNotFound(refusal)) return undefined;
  try {
    const found = await client.get<T>(path, { signal });
    return found.metadata?.uid === uid ? found : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    // who may not read has the server's words (apiserver: storage Preconditions.Check)
    if (kindOf(error) === 'forbidden' && messageOf(refusal).includes('UID in precondition')) return undefined;
    throw error;
  }
}

/** Whether a write was refused because its object is not there, or not as it was. */
export function isRefusedWrite(error: unknown): boolean {
  return isNotFound(error) || kindOf(error) === 'conflict';
}
