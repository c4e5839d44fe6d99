/**
 * The three files that a TLS link lives on. They are read for every connection, so that renewed ones are used
 * at once.
 */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { HostError, messageOf } from '../../model/errors.ts';

export interface TlsFiles {
  /** who may have issued the host's certificates */
  readonly caFile: string;
  /** what farlet shows of itself */
  readonly certFile: string;
  readonly keyFile: string;
}

export interface TlsMaterial {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Rejects with HostError of kind `unauthenticated`: time alone does not mend what is in files. */
export async function readTlsFiles(
  files: TlsFiles,
  { host, now }: { host: string; now: number },
): Promise<TlsMaterial> {
  const read = (key: keyof TlsFiles): Promise<Buffer> =>
    readFile(files[key]).catch((error: unknown) => {
      throw unusable(host, `${key} ${files[key]} can't be read: ${messageOf(error)}`, error);
    });
  const [ca, cert, key] = await Promise.all([read('caFile'), read('certFile'), read('keyFile')]);
  const problem = certificateProblem(cert, now);
  if (problem !== undefined) throw unusable(host, `certFile ${files.certFile} ${problem}`);
  return { ca, cert, key };
}

/** Why the runtime would refuse the certificate; it says little itself. Pure. */
export function certificateProblem(pem: Buffer, now: number): string | undefined {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    return 'holds no certificate in PEM form';
  }
  const { validFromDate, validToDate } = certificate;
  if (validToDate.getTime() < now) return `has expired on ${validToDate.toISOString()}: renew it`;
  if (validFromDate.getTime() > now)
    return `is valid only from ${validFromDate.toISOString()} on: compare the clocks`;
  return undefined;
}

function unusable(host: string, text: string, cause?: unknown): HostError {
  return new HostError('unauthenticated', host, `${host}: tls.${text}`, { cause });
}
