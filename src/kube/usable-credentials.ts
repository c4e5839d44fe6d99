/** Whether credentials that were read anew can take the place of those in use. Pure. */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { messageOf } from '../model/errors.ts';

export interface Presented {
  readonly tls: Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'pfx' | 'passphrase'>;
  /** with a bearer token or a password */
  readonly hasToken: boolean;
}

/**
 * Why the credentials of before stay in use; undefined: the new ones can be used. Files are written one after
 * the other, and tokens may be read half.
 */
export function credentialsProblem(before: Presented, next: Presented): string | undefined {
  if (isAnonymous(next) && !isAnonymous(before))
    return 'neither a token nor a client certificate is in it any more';
  return tlsProblem(next.tls);
}

/** Why a kubeconfig can't take the place of one for that server; undefined: it can. */
export function serverProblem(before: string, next: string): string | undefined {
  return next === before
    ? undefined
    : `its API server is ${next} now and was ${before}, which may be another cluster: restart farlet to take it`;
}

function isAnonymous({ tls, hasToken }: Presented): boolean {
  return !hasToken && tls.cert === undefined && tls.pfx === undefined;
}

function tlsProblem(tls: Presented['tls']): string | undefined {
  const { ca } = tls;
  if (ca !== undefined && !Array.isArray(ca))
    try {
      new X509Certificate(ca);
    } catch {
      return 'the certificate authority is no certificate in PEM form';
    }
  try {
    createSecureContext({ ...tls });
    return undefined;
  } catch (error) {
    return messageOf(error).includes('key values mismatch')
      ? 'the client certificate and the key do not go together'
      : `the client certificate can't be used: ${messageOf(error)}`;
  }
}
