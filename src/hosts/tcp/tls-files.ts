/**
 * The three files that a TLS link lives on. They are read for every connection, so that renewed ones are used
 * at once; while they are being written, or wrong, those that worked are.
 */
import { X509Certificate } from 'node:crypto';
import { HostError, messageOf } from '../../model/errors.ts';
import type { Clock } from '../../util/clock.ts';
import type { Followed, FollowedFiles } from '../../util/followed-files.ts';
import { materialFault } from '../../util/tls-material.ts';

/** Names of PEM files. */
export interface TlsFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface TlsMaterial {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export function followTlsFiles(
  { caFile, certFile, keyFile }: TlsFiles,
  { followed, clock }: { followed: FollowedFiles; clock: Pick<Clock, 'now'> },
): Followed<TlsMaterial> {
  return followed.follow({
    files: { caFile, certFile, keyFile },
    parse: (content): TlsMaterial => {
      const material = { ca: content.caFile, cert: content.certFile, key: content.keyFile };
      const problem = certificateProblem(material.cert, clock.now());
      if (problem !== undefined) throw new Error(`certFile ${certFile} ${problem}`);
      const unusable = materialProblem(material, { caFile, certFile, keyFile });
      if (unusable !== undefined) throw new Error(unusable);
      return material;
    },
  });
}

/** Rejects with HostError of kind `unauthenticated`: time alone does not mend what is in files. */
export async function readTlsFiles(
  material: Followed<TlsMaterial>,
  { host, files, now }: { host: string; files: TlsFiles; now: number },
): Promise<TlsMaterial> {
  const read = await material.read().catch((error: unknown) => {
    throw unusable(host, messageOf(error), error);
  });
  const problem = certificateProblem(read.cert, now);
  if (problem !== undefined) throw unusable(host, `certFile ${files.certFile} ${problem}`);
  return read;
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

/** Why no connection can be made with them, the certificate being one. Pure. */
function materialProblem(material: TlsMaterial, { caFile, certFile, keyFile }: TlsFiles): string | undefined {
  const fault = materialFault(material);
  switch (fault?.kind) {
    case undefined:
      return undefined;
    case 'authority':
      return `caFile ${caFile} holds no certificate in PEM form`;
    case 'pair':
      return `certFile ${certFile} and keyFile ${keyFile} do not go together`;
    case 'unreadable':
      return `keyFile ${keyFile} holds no private key in PEM form: ${fault.reason}`;
  }
}

function unusable(host: string, text: string, cause?: unknown): HostError {
  return new HostError('unauthenticated', host, `${host}: tls.${text}`, { cause });
}
