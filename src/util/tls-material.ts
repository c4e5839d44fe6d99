/** Whether OpenSSL can use what TLS is spoken with. Pure. */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { messageOf } from '../model/errors.ts';

export type TlsInput = Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'pfx' | 'passphrase'>;

export type MaterialFault =
  /** the authority is no certificate in PEM form */
  | { readonly kind: 'authority' }
  /** the certificate is not the key's */
  | { readonly kind: 'pair' }
  /** certificate or key can't be read; OpenSSL says why */
  | { readonly kind: 'unreadable'; readonly reason: string };

/** The first fault; undefined: a connection can be made with it. Of several authorities none is looked at. */
export function materialFault(material: TlsInput): MaterialFault | undefined {
  const { ca } = material;
  if (ca !== undefined && !Array.isArray(ca) && !isCertificate(ca)) return { kind: 'authority' };
  try {
    createSecureContext({ ...material });
    return undefined;
  } catch (error) {
    const reason = messageOf(error);
    return reason.includes('key values mismatch') ? { kind: 'pair' } : { kind: 'unreadable', reason };
  }
}

function isCertificate(pem: string | Buffer): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}
