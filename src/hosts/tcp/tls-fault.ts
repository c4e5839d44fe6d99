/** What a failed TLS connection to a runtime means, in words that say what to do. Pure. */
import { HostError, messageOf, type ErrorKind } from '../../model/errors.ts';
import type { TlsFiles } from './tls-files.ts';

interface Meaning {
  readonly codes: RegExp;
  readonly kind: ErrorKind;
  readonly text: (files: TlsFiles) => string;
}

const meanings: readonly Meaning[] = [
  {
    codes: /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED|INVALID_CA)/,
    kind: 'unauthenticated',
    text: ({ caFile }) =>
      `the certificate it shows was not issued by an authority in caFile ${caFile}: put the one there that issued it, or somebody else answers`,
  },
  {
    codes: /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/,
    kind: 'unauthenticated',
    text: () => 'the certificate it shows is not valid now: renew it on the host, and compare the clocks',
  },
  {
    codes: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    kind: 'unauthenticated',
    text: () =>
      'the certificate it shows is for another name: issue one with the name or address of the endpoint',
  },
  {
    codes: /^ERR_SSL_.*ALERT_|^ERR_OSSL_.*ALERT_/,
    kind: 'unauthenticated',
    text: ({ certFile }) =>
      `it refuses the certificate in certFile ${certFile}: have it issued, for client authentication, by the authority in its tcp_tls_ca`,
  },
  {
    codes: /^ERR_(OSSL|SSL)_.*(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNSUPPORTED_PROTOCOL)|^EPROTO$/,
    kind: 'unauthenticated',
    text: () =>
      'it does not speak TLS 1.2 or newer: set tcp_tls_cert and tcp_tls_key, or enable_tls_streaming',
  },
  {
    codes: /KEY_VALUES_MISMATCH|^ERR_OSSL_/,
    kind: 'unauthenticated',
    text: ({ certFile, keyFile }) => `certFile ${certFile} and keyFile ${keyFile} do not go together`,
  },
  {
    codes: /^ECONNREFUSED$/,
    kind: 'unavailable',
    text: () => 'nothing listens there: is containerd running, with that address in its configuration?',
  },
  {
    codes: /^ETIMEDOUT$/,
    kind: 'unavailable',
    text: () => 'nothing answers there: is the host up, and the way to it open?',
  },
];

/** `where` names host and address. */
export function tlsFault(
  error: unknown,
  options: { host: string; where: string; files: TlsFiles },
): HostError {
  if (error instanceof HostError) return error;
  const { host, where, files } = options;
  const code = codeOf(error);
  const meaning = meanings.find(({ codes }) => codes.test(code));
  const text = meaning === undefined ? messageOf(error) : `${meaning.text(files)} (${brief(error)})`;
  return new HostError(meaning?.kind ?? 'unavailable', host, `${where}: ${text}`, { cause: error });
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}

/** OpenSSL's text without its addresses. */
function brief(error: unknown): string {
  const text = messageOf(error).split('\n')[0] ?? '';
  return /:SSL routines:[^:]*:([^:]+)/.exec(text)?.[1] ?? text;
}
