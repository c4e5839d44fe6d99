import { isNotFound } from '../../model/errors.ts';

/** undefined where nothing is and nothing need be. */
export async function optionally<T>(optional: boolean, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (optional && isNotFound(error)) return undefined;
    throw error;
  }
}
