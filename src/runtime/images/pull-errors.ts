import { CriError, messageOf } from '../../model/errors.ts';
import type { WaitingReason } from '../../model/reasons.ts';

const unknownCode = 2;

/** Runtimes put these names in front of what they say (cri-api/pkg/errors). */
export function pullFailure(image: string, error: unknown): { reason: WaitingReason; message: string } {
  const text = pullErrorText(error);
  const known = (name: WaitingReason, why: string): { reason: WaitingReason; message: string } => ({
    reason: name,
    message: `image pull failed for ${image} because the ${why}${text.slice(name.length)}`,
  });
  if (text.startsWith('RegistryUnavailable')) return known('RegistryUnavailable', 'registry is unavailable');
  if (text.startsWith('SignatureValidationFailed'))
    return known('SignatureValidationFailed', 'signature validation failed');
  return { reason: 'ErrImagePull', message: text };
}

/** The runtime's own text alone where its code says nothing (cri-client: PullImage strips Unknown). */
export function pullErrorText(error: unknown): string {
  return error instanceof CriError && error.code === unknownCode ? error.description : messageOf(error);
}

/** As several errors are shown together by apimachinery: each different one once. */
export function aggregate(failures: readonly unknown[]): Error {
  const texts = [...new Set(failures.map(pullErrorText))];
  return new Error(texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`, { cause: failures[0] });
}
