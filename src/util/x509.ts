/**
 * Certificates that farlet makes for itself or asks for, by @peculiar/x509 over Node's WebCrypto. Keys are
 * ECDSA on P-256, as a kubelet's are (k8s.io/client-go/util/keyutil MakeEllipticPrivateKeyPEM).
 */
import 'reflect-metadata';
import { KeyObject, randomBytes, webcrypto } from 'node:crypto';
import {
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** A certificate and its key: PEM, or the names of files that hold it. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** Whom a certificate is for. */
export interface CertificateNames {
  readonly dnsNames: readonly string[];
  readonly ips: readonly string[];
}

const YEAR_MS = 365 * 24 * 3_600_000;
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

cryptoProvider.set(webcrypto);

/** A certificate valid for a year from `now` (ms), and its key; `expires` in ms. */
export async function selfSignedCertificate(
  commonName: string,
  names: CertificateNames,
  now: number,
): Promise<Pair & { expires: number }> {
  const keys = await generateKeys();
  const serial = randomBytes(16);
  // positive, and none of its bytes to spare (RFC 5280 4.1.2.2)
  serial.writeUInt8((serial.readUInt8() & 0x7f) | 0x40);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serial.toString('hex'),
    name: [{ CN: [commonName] }],
    notBefore: new Date(now - 60_000),
    notAfter: new Date(now + YEAR_MS),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      alternativeNames(names),
    ],
  });
  return { cert: `${certificate.toString('pem')}\n`, key: keyPem(keys), expires: now + YEAR_MS };
}

export interface CertificateSubject {
  readonly organization: string;
  readonly commonName: string;
}

/** PEM of a PKCS #10 request, and of the key that it is for. */
export async function certificateRequest(
  { organization, commonName }: CertificateSubject,
  names: CertificateNames,
): Promise<{ request: string; key: string }> {
  const keys = await generateKeys();
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [{ O: [organization] }, { CN: [commonName] }],
    keys,
    signingAlgorithm: algorithm,
    extensions: [alternativeNames(names)],
  });
  return { request: `${request.toString('pem')}\n`, key: keyPem(keys) };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

function keyPem({ privateKey }: webcrypto.CryptoKeyPair): string {
  return KeyObject.from(privateKey).export({ type: 'pkcs8', format: 'pem' }) as string;
}

function alternativeNames({ dnsNames, ips }: CertificateNames): SubjectAlternativeNameExtension {
  return new SubjectAlternativeNameExtension([
    ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...ips.map((value) => ({ type: 'ip' as const, value })),
  ]);
}
