/**
 * The kubelet API's side of TLS: certificate, key and client CAs, taken over again when their files change
 * (as dynamiccertificates of k8s.io/apiserver), a self-signed certificate renewed in time. Connections that
 * are there go on.
 */
import { constants } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type TlsOptions } from 'node:tls';
import { messageOf } from '../../model/errors.ts';
import type { Log } from '../../model/log.ts';
import { cipherList, tlsVersions, type TlsVersionName } from '../../model/tls-names.ts';
import type { Clock } from '../../util/clock.ts';
import { selfSignedCertificate, type Pair } from '../../util/x509.ts';
import { clientCaProblem } from './client-ca.ts';

export interface ServingTlsOptions {
  /** names of files; undefined: none are given */
  readonly files: Pair | undefined;
  /** What the cluster has signed; without it, and while there is none yet: self-signed, for `names`. */
  readonly signed?: () => Pair | undefined;
  readonly names: { readonly node: string; readonly addresses: () => readonly string[] };
  readonly clientCaFile: string | undefined;
  readonly minVersion: TlsVersionName;
  readonly cipherSuites: readonly string[];
  /** What became of a look at the files; undefined: what they hold is in use. */
  readonly onLook: (problem: string | undefined) => void;
  readonly log: Log;
  readonly clock: Clock;
}

interface Material extends Pair {
  /** undefined: client certificates are not asked for */
  readonly ca: string | undefined;
}

const LOOK_MS = 30_000;
/** How long before its end a self-signed certificate is replaced. */
const RENEW_BEFORE_MS = 73 * 24 * 3_600_000;

export class ServingTls {
  readonly #options: ServingTlsOptions;
  #material: Material;
  /** farlet's own, where no files are given */
  #own: (Pair & { readonly expires: number; readonly addresses: string }) | undefined;

  private constructor(options: ServingTlsOptions, material: Material) {
    this.#options = options;
    this.#material = material;
  }

  /** Rejects if the files can't be used. */
  static async open(options: ServingTlsOptions): Promise<ServingTls> {
    const tls = new ServingTls(options, { cert: '', key: '', ca: undefined });
    tls.#material = await tls.#read();
    createSecureContext(tls.serverOptions());
    options.onLook(undefined);
    return tls;
  }

  /** PEM of the certificate in use. */
  get certificate(): string {
    return this.#material.cert;
  }

  /** What is wrong with the client CAs at this moment; undefined if nothing is, or there are none to be. */
  caProblem(): string | undefined {
    const { ca } = this.#material;
    return ca === undefined ? undefined : clientCaProblem(ca, this.#options.clock.now())?.text;
  }

  /**
   * For the server, and for its context whenever something has changed. Whom a certificate is for is looked
   * at with each request.
   */
  serverOptions(): TlsOptions {
    const { minVersion, cipherSuites } = this.#options;
    const { cert, key, ca } = this.#material;
    return {
      cert,
      key,
      // without a CA of its own, OpenSSL would take all public ones
      requestCert: ca !== undefined,
      ca: ca ?? [],
      rejectUnauthorized: false,
      minVersion: tlsVersions[minVersion],
      ciphers: cipherList(cipherSuites),
      honorCipherOrder: true,
      // a resumed session would be as good as its certificate was when it began
      secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    };
  }

  /**
   * Looks at the files regularly until the signal aborts; `onChange` gets new options for the server's
   * context.
   */
  async follow(onChange: (options: TlsOptions) => void, { signal }: { signal: AbortSignal }): Promise<void> {
    const { clock } = this.#options;
    const isDue = (): Promise<boolean> =>
      clock.sleep(LOOK_MS, { signal }).then(
        () => true,
        () => false,
      );
    while (await isDue()) await this.#look(onChange);
  }

  async #look(onChange: (options: TlsOptions) => void): Promise<void> {
    const { log, onLook } = this.#options;
    const before = this.#material;
    try {
      const next = await this.#read();
      if (!same(before, next)) {
        this.#material = next;
        createSecureContext(this.serverOptions());
      }
      onLook(undefined);
      if (same(before, next)) return;
      onChange(this.serverOptions());
      log.info(
        { certificate: before.cert !== next.cert, clientCA: before.ca !== next.ca },
        'the kubelet API has taken over new TLS files',
      );
    } catch (error) {
      // certificate and key are written one after the other: the next look may see both
      this.#material = before;
      onLook(messageOf(error));
    }
  }

  async #read(): Promise<Material> {
    const { files, clientCaFile } = this.#options;
    const [pair, ca] = await Promise.all([
      files === undefined ? (this.#options.signed?.() ?? this.#selfSigned()) : readPair(files),
      clientCaFile === undefined ? undefined : this.#clientCa(clientCaFile),
    ]);
    return { ...pair, ca };
  }

  async #selfSigned(): Promise<Pair> {
    const { names, clock } = this.#options;
    const now = clock.now();
    const addresses = names.addresses();
    const isFor = this.#own?.addresses === addresses.join();
    if (this.#own === undefined || !isFor || now >= this.#own.expires - RENEW_BEFORE_MS)
      this.#own = {
        ...(await selfSignedCertificate(names.node, { dnsNames: [names.node], ips: addresses }, now)),
        addresses: addresses.join(),
      };
    const { cert, key } = this.#own;
    return { cert, key };
  }

  async #clientCa(file: string): Promise<string> {
    const ca = await readFile(file, 'utf8');
    const problem = clientCaProblem(ca, this.#options.clock.now());
    if (problem?.kind === 'unreadable') throw new Error(`${file} ${problem.text}`);
    return ca;
  }
}

async function readPair(files: Pair): Promise<Pair> {
  const [cert, key] = await Promise.all([readFile(files.cert, 'utf8'), readFile(files.key, 'utf8')]);
  return { cert, key };
}

function same(a: Material, b: Material): boolean {
  return a.cert === b.cert && a.key === b.key && a.ca === b.ca;
}
