/**
 * The kubelet API's side of TLS: certificate, key and client CAs, taken over again when their files change
 * (as dynamiccertificates of k8s.io/apiserver), a self-signed certificate renewed in time. Connections that
 * are there go on.
 */
import { constants } from 'node:crypto';
import { createSecureContext, type TlsOptions } from 'node:tls';
import type { Log } from '../../model/log.ts';
import { cipherList, tlsVersions, type TlsVersionName } from '../../model/tls-names.ts';
import type { Clock } from '../../util/clock.ts';
import type { Followed, FollowedFiles } from '../../util/followed-files.ts';
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
  readonly followed: Pick<FollowedFiles, 'follow'>;
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
  readonly #files: Followed<FileMaterial> | undefined;
  #material: Material = { cert: '', key: '', ca: undefined };
  /** farlet's own, where no files are given */
  #own: (Pair & { readonly expires: number; readonly addresses: string }) | undefined;

  private constructor(options: ServingTlsOptions) {
    this.#options = options;
    this.#files = followServingFiles(options);
  }

  /** Rejects if the files can't be used. */
  static async open(options: ServingTlsOptions): Promise<ServingTls> {
    const tls = new ServingTls(options);
    try {
      tls.#material = await tls.#read();
      createSecureContext(tls.serverOptions());
      return tls;
    } catch (error) {
      tls.release();
      throw error;
    }
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
   * Reads the files regularly until the signal aborts; `onChange` gets new options for the server's context.
   */
  async follow(onChange: (options: TlsOptions) => void, { signal }: { signal: AbortSignal }): Promise<void> {
    const { clock } = this.#options;
    const isDue = (): Promise<boolean> =>
      clock.sleep(LOOK_MS, { signal }).then(
        () => true,
        () => false,
      );
    while (await isDue()) await this.#look(onChange);
    this.release();
  }

  /** The files are followed no more. */
  release(): void {
    this.#files?.release();
  }

  async #look(onChange: (options: TlsOptions) => void): Promise<void> {
    const { files, log } = this.#options;
    const before = this.#material;
    try {
      const next = await this.#read();
      if (same(before, next)) return;
      this.#material = next;
      createSecureContext(this.serverOptions());
      onChange(this.serverOptions());
      if (files === undefined && before.cert !== next.cert)
        log.info({}, 'the kubelet API has another certificate');
    } catch (error) {
      this.#material = before;
      log.warn({ err: error }, 'the kubelet API keeps its certificate: another one can not be used');
    }
  }

  async #read(): Promise<Material> {
    const read = await this.#files?.read();
    const pair = read?.pair ?? this.#options.signed?.() ?? (await this.#selfSigned());
    return { ...pair, ca: read?.ca };
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
}

interface FileMaterial {
  /** undefined: farlet has it from elsewhere */
  readonly pair: Pair | undefined;
  readonly ca: string | undefined;
}

/** Certificate and key are written one after the other: they are taken together, and with them the CAs. */
function followServingFiles(options: ServingTlsOptions): Followed<FileMaterial> | undefined {
  const { files, clientCaFile, followed, clock } = options;
  const paths: Record<string, string> = {
    ...(files === undefined ? {} : { tlsCertFile: files.cert, tlsPrivateKeyFile: files.key }),
    ...(clientCaFile === undefined ? {} : { clientCAFile: clientCaFile }),
  };
  if (Object.keys(paths).length === 0) return undefined;
  return followed.follow({
    files: paths,
    parse: ({ tlsCertFile, tlsPrivateKeyFile, clientCAFile }): FileMaterial => {
      const ca = clientCAFile?.toString();
      const problem = ca === undefined ? undefined : clientCaProblem(ca, clock.now());
      if (problem?.kind === 'unreadable') throw new Error(`${clientCaFile ?? ''} ${problem.text}`);
      if (tlsCertFile === undefined || tlsPrivateKeyFile === undefined) return { pair: undefined, ca };
      const pair = { cert: tlsCertFile.toString(), key: tlsPrivateKeyFile.toString() };
      createSecureContext(pair);
      return { pair, ca };
    },
  });
}

function same(a: Material, b: Material): boolean {
  return a.cert === b.cert && a.key === b.key && a.ca === b.ca;
}
