/** Whether credentials that were read again can take the place of those in use. Pure. */
import { materialFault, type TlsInput } from '../util/tls-material.ts';

export interface Presented {
  readonly tls: TlsInput;
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

function tlsProblem(tls: TlsInput): string | undefined {
  const fault = materialFault(tls);
  switch (fault?.kind) {
    case undefined:
      return undefined;
    case 'authority':
      return 'the certificate authority is no certificate in PEM form';
    case 'pair':
      return 'the client certificate and the key do not go together';
    case 'unreadable':
      return `the client certificate can't be used: ${fault.reason}`;
  }
}
