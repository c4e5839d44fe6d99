/**
 * Whether the files that the configuration names hold what they must, before anything is started with them.
 */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Config } from './schema.ts';

interface Loaded<T> {
  readonly value?: T;
  readonly problems: readonly string[];
}

/** One sentence for each file that can't be used: the key, the file, what was found, what is wanted. */
export function badFiles(config: Config): string[] {
  return [...serverFiles(config), ...hostFiles(config)];
}

function serverFiles({ tlsCertFile, tlsPrivateKeyFile, authentication }: Config): string[] {
  if ((tlsCertFile === undefined) !== (tlsPrivateKeyFile === undefined))
    return ['tlsCertFile and tlsPrivateKeyFile go together: set both or none'];
  const clientCa = load('authentication.x509.clientCAFile', authentication.x509.clientCAFile, certificate);
  const pair = { certFile: tlsCertFile, keyFile: tlsPrivateKeyFile };
  return [...badPair(pair, { certKey: 'tlsCertFile', keyKey: 'tlsPrivateKeyFile' }), ...clientCa.problems];
}

/** What tcp endpoints are reached with. */
function hostFiles({ nodes }: Config): string[] {
  return nodes.flatMap(({ hosts }, n) =>
    hosts.flatMap(({ tls }, h) => {
      if (tls === undefined) return [];
      const at = `nodes[${String(n)}].hosts[${String(h)}].tls`;
      const pair = badPair(tls, { certKey: `${at}.certFile`, keyKey: `${at}.keyFile` });
      return [...load(`${at}.caFile`, tls.caFile, certificate).problems, ...pair];
    }),
  );
}

function badPair(
  { certFile, keyFile }: { certFile: string | undefined; keyFile: string | undefined },
  { certKey, keyKey }: { certKey: string; keyKey: string },
): string[] {
  const cert = load(certKey, certFile, certificate);
  const key = load(keyKey, keyFile, privateKey);
  const strangers =
    cert.value !== undefined && key.value !== undefined && !cert.value.checkPrivateKey(key.value)
      ? [`${keyKey}: ${keyFile ?? ''} is not the key of the certificate in ${certKey}`]
      : [];
  return [...cert.problems, ...key.problems, ...strangers];
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
