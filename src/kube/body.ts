/** Bodies of answers, never longer than they may be. */
import type { Readable } from 'node:stream';
import { KubeError } from '../model/errors.ts';

/** A page of a list, or an object (etcd takes up to 1.5 MiB; in JSON it may be twice as long). */
export const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** Reason of the KubeError for an answer that is longer. */
export const TOO_LARGE = 'AnswerTooLarge';
const MAX_REFUSAL_BYTES = 64 * 1024;

/**
 * @throws KubeError `resource-exhausted` with reason TOO_LARGE as soon as there is more; the connection is
 * then given up
 */
export async function wholeBody(body: Readable, what: string, max = MAX_ANSWER_BYTES): Promise<string> {
  const { text, isWhole } = await upTo(body, max);
  if (isWhole) return text;
  throw new KubeError('resource-exhausted', `${what}: the answer is longer than ${max} bytes`, {
    status: 0,
    reason: TOO_LARGE,
  });
}

/** As much as is read of a refusal. */
export async function beginningOf(body: Readable): Promise<string> {
  return (await upTo(body, MAX_REFUSAL_BYTES)).text;
}

async function upTo(body: Readable, max: number): Promise<{ text: string; isWhole: boolean }> {
  const chunks: Buffer[] = [];
  let size = 0;
  // leaving the loop destroys the body
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk.subarray(0, max - size));
    size += chunk.length;
    if (size > max) return { text: Buffer.concat(chunks).toString(), isWhole: false };
  }
  return { text: Buffer.concat(chunks).toString(), isWhole: true };
}
