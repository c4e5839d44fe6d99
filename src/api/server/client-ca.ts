/** What is wrong with a file of CAs for client certificates. Pure. */
import { X509Certificate } from 'node:crypto';

const DAY_MS = 24 * 3_600_000;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
/** More than any bundle of public CAs has. */
const MAX_CERTIFICATES = 1_000;

export interface CaProblem {
  /** `soon`: it still works; with all others no client certificate is accepted */
  readonly kind: 'unreadable' | 'expired' | 'early' | 'soon';
  /** the end of a sentence that begins with the file: "has expired on …" */
  readonly text: string;
}

/**
 * Undefined if all is well. What counts is whether any of the certificates can vouch for a client: one that
 * has expired beside one that has not is what a change of CAs looks like. `warnMs`: how long before its end a
 * CA is a problem, by default 7 days.
 */
export function clientCaProblem(
  pem: Buffer | string,
  now: number,
  { warnMs = 7 * DAY_MS }: { warnMs?: number } = {},
): CaProblem | undefined {
  const blocks = pem.toString().match(CERTIFICATE) ?? [];
  if (blocks.length === 0)
    return unreadable('holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)');
  if (blocks.length > MAX_CERTIFICATES)
    return unreadable(
      `holds ${String(blocks.length)} certificates, at most ${String(MAX_CERTIFICATES)} are read`,
    );
  const certificates: X509Certificate[] = [];
  for (const [index, block] of blocks.entries()) {
    try {
      certificates.push(new X509Certificate(block));
    } catch {
      return unreadable(`can't be read from certificate ${String(index + 1)} on`);
    }
  }
  // who has signed itself can vouch for itself alone
  const authorities = certificates.filter((each) => each.ca || each.subject === each.issuer);
  if (authorities.length === 0)
    return unreadable(`holds no CA: ${subjectOf(certificates[0])} may not issue certificates`);
  const begun = authorities.filter(({ validFromDate }) => validFromDate.getTime() <= now);
  if (begun.length === 0)
    return { kind: 'early', text: `is valid only from ${firstDay(authorities)} on: compare the clocks` };
  const last = Math.max(...begun.map(({ validToDate }) => validToDate.getTime()));
  const end = new Date(last).toISOString();
  if (last < now) return { kind: 'expired', text: `has expired on ${end}: ${subjectOf(begun[0])}` };
  return last < now + warnMs ? { kind: 'soon', text: `expires on ${end}` } : undefined;
}

function unreadable(text: string): CaProblem {
  return { kind: 'unreadable', text };
}

function firstDay(all: readonly X509Certificate[]): string {
  return new Date(Math.min(...all.map(({ validFromDate }) => validFromDate.getTime()))).toISOString();
}

function subjectOf(certificate: X509Certificate | undefined): string {
  return certificate?.subject.replaceAll('\n', ', ') ?? '';
}
