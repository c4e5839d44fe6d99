/** Whether the files that the configuration names hold what they must, before anything is started with them. */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Config } from './schema.ts';

interface Loaded<T> {
  readonly value?: T;
  readonly problems: readonly string[];
}

/** One sentence for each file that can't be used: the key, the file, what was found, what is wanted. */
export function badFiles(config: Config): string[] {
  const { tlsCertFile, tlsPrivateKeyFile, authentication } = config;
  if ((tlsCertFile === undefined) !== (tlsPrivateKeyFile === undefined))
    return ['tlsCertFile and tlsPrivateKeyFile go together: set both or none'];
  const cert = load('tlsCertFile', tlsCertFile, certificate);
  const key = load('tlsPrivateKeyFile', tlsPrivateKeyFile, privateKey);
  const clientCa = load('authentication.x509.clientCAFile', authentication.x509.clientCAFile, certificate);
  const strangers =
    cert.value !== undefined && key.value !== undefined && !cert.value.checkPrivateKey(key.value)
      ? [`tlsPrivateKeyFile: ${tlsPrivateKeyFile ?? ''} is not the key of the certificate in tlsCertFile`]
      : [];
  return [...cert.problems, ...key.problems, ...strangers, ...clientCa.problems];
}

function load<T>(key: string, file: string | undefined, parse: (data: Buffer) => T): Loaded<T> {
  if (file === undefined) return { problems: [] };
  let data: Buffer;
  try {
    data = readFileSync(file);
  } catch (error) {
    return { problems: [`${key}: ${file} can't be read: ${text(error)}`] };
  }
  try {
    return { value: parse(data), problems: [] };
  } catch (error) {
    return { problems: [`${key}: ${file} ${text(error)}`] };
  }
}

function certificate(data: Buffer): X509Certificate {
  try {
    return new X509Certificate(data);
  } catch {
    throw new Error('holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)');
  }
}

function privateKey(data: Buffer): KeyObject {
  try {
    return createPrivateKey(data);
  } catch {
    throw new Error('holds no private key in PEM form without a passphrase (-----BEGIN PRIVATE KEY-----)');
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
