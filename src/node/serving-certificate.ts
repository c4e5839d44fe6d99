/**
 * The kubelet API's certificate as the cluster signs it: asked for by a CertificateSigningRequest, and again
 * well before it ends or when the node has other addresses (k8s.io/client-go/util/certificate
 * certificate_manager.go, pkg/kubelet/certificate/kubelet.go). Kept in memory only: a farlet that starts asks
 * again.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KubeClient } from '../kube/client.ts';
import { paths } from '../kube/paths.ts';
import { FarletError, isNotFound, messageOf } from '../model/errors.ts';
import type { CertificateSigningRequest } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import { backoffMs } from '../util/backoff.ts';
import type { Clock } from '../util/clock.ts';
import { retry } from '../util/retry.ts';
import { certificateRequest, type CertificateNames, type Pair } from '../util/x509.ts';

const SIGNER = 'kubernetes.io/kubelet-serving';
/** DefaultKubeletServingGetUsages, for keys that can't encipher. */
const USAGES = ['digital signature', 'server auth'];
/** certificateWaitTimeout */
const WAIT_MS = 15 * 60_000;
const TOLD_AFTER_MS = 30_000;
const look = { baseMs: 1_000, maxMs: 30_000, factor: 1.5, jitter: 0.2 };
const again = { baseMs: 2_000, maxMs: 300_000, factor: 2, jitter: 0.1 };
/** Addresses of hosts come and go. */
const CHECK_MS = 60_000;

export interface ServingCertificateOptions {
  readonly client: Pick<KubeClient, 'get' | 'create'>;
  readonly node: string;
  /** Those of the Node; without an address nothing is asked for. */
  readonly names: () => CertificateNames;
  /** Whose account approves what this has asked for; undefined: others do. */
  readonly approver: Pick<KubeClient, 'replace'> | undefined;
  /** Why there is none after a while; undefined: there is one now. */
  readonly onProblem: (problem: string | undefined) => void;
  readonly onRotation: (livedSeconds: number) => void;
  readonly onFailure: () => void;
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'sleep'>;
  readonly log: Log;
  readonly random?: () => number;
  readonly makeRequest?: typeof certificateRequest;
}

interface Held extends Pair {
  readonly from: number;
  readonly until: number;
  readonly renewAt: number;
  readonly names: CertificateNames;
}

export class ServingCertificate {
  readonly #options: ServingCertificateOptions;
  #held: Held | undefined;
  #reported: string | undefined;

  constructor(options: ServingCertificateOptions) {
    this.#options = options;
  }

  /** undefined: none has been signed yet, or it has ended */
  current(): Pair | undefined {
    const held = this.#held;
    return held === undefined || held.until <= this.#options.clock.now() ? undefined : held;
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, node, names, onFailure } = this.#options;
    const failed = (error: unknown): void => {
      onFailure();
      log.warn({ err: error, node }, "the kubelet API's certificate was not signed");
      this.#report(messageOf(error));
    };
    for (;;) {
      const wanted = names();
      const hasAddress = wanted.ips.length > 0;
      if (hasAddress && this.#isDue(wanted))
        await retry(() => this.#renew(names(), signal), { policy: again, clock, signal, onFailure: failed });
      await clock.sleep(hasAddress ? CHECK_MS : look.baseMs, { signal });
    }
  }

  #isDue(wanted: CertificateNames): boolean {
    const held = this.#held;
    return held === undefined || held.renewAt <= this.#options.clock.now() || !covers(held.names, wanted);
  }

  async #renew(names: CertificateNames, signal: AbortSignal): Promise<void> {
    const { clock, log, node, onRotation, random = Math.random } = this.#options;
    const { makeRequest = certificateRequest } = this.#options;
    const subject = { organization: 'system:nodes', commonName: `system:node:${node}` };
    const { request, key } = await makeRequest(subject, names);
    const asked = await this.#ask(request, signal);
    const { approver } = this.#options;
    if (approver !== undefined) await approve(approver, asked, signal);
    const cert = await this.#signed(asked, signal);
    const [from, until] = validity(cert, key);
    const before = this.#held;
    this.#held = { cert, key, from, until, names, renewAt: rotationDeadline(from, until, random) };
    if (before !== undefined) onRotation((clock.now() - before.from) / 1000);
    log.info(
      { node, until: new Date(until).toISOString() },
      "the kubelet API's certificate has been signed by the cluster",
    );
    this.#report(undefined);
  }

  async #ask(request: string, signal: AbortSignal): Promise<CertificateSigningRequest> {
    return this.#options.client.create<CertificateSigningRequest>(
      paths.certificateSigningRequests,
      {
        apiVersion: 'certificates.k8s.io/v1',
        kind: 'CertificateSigningRequest',
        metadata: { generateName: 'csr-' },
        spec: { request: Buffer.from(request).toString('base64'), signerName: SIGNER, usages: USAGES },
      },
      { signal },
    );
  }

  /** Waits for at most a quarter of an hour; rejects when the request is refused, or gone. */
  async #signed(asked: CertificateSigningRequest, signal: AbortSignal): Promise<string> {
    const { clock } = this.#options;
    const name = nameOf(asked);
    const began = clock.monotonic();
    for (let looks = 1; clock.monotonic() - began < WAIT_MS; looks += 1) {
      await clock.sleep(backoffMs(look, looks), { signal });
      const { metadata, status } = await this.#seen(name, signal);
      if (metadata?.uid !== asked.metadata?.uid) throw new FarletError('not-found', `${name} was replaced`);
      for (const { type, reason = '', message = '' } of status?.conditions ?? [])
        if (type === 'Denied' || type === 'Failed')
          throw new FarletError('forbidden', `${name}: ${type}: ${reason}: ${message}`);
      const certificate = status?.certificate ?? '';
      if (certificate !== '') return Buffer.from(certificate, 'base64').toString();
      if (clock.monotonic() - began >= TOLD_AFTER_MS)
        this.#report(
          `${name} waits to be ${isApproved(status) ? 'signed' : `approved: kubectl certificate approve ${name}`}`,
        );
    }
    throw new FarletError('deadline-exceeded', `${name} was not signed within 15 minutes`);
  }

  async #seen(name: string, signal: AbortSignal): Promise<CertificateSigningRequest> {
    const { client } = this.#options;
    try {
      return await client.get<CertificateSigningRequest>(paths.certificateSigningRequest(name), { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (isNotFound(error)) throw new FarletError('not-found', `${name} was deleted before it was signed`);
      throw error;
    }
  }

  #report(problem: string | undefined): void {
    if (problem === this.#reported) return;
    // a certificate that is there at once is no news
    const isNews = problem !== undefined || this.#reported !== undefined;
    this.#reported = problem;
    if (isNews) this.#options.onProblem(problem);
  }
}

async function approve(
  client: Pick<KubeClient, 'replace'>,
  asked: CertificateSigningRequest,
  signal: AbortSignal,
): Promise<void> {
  const condition = {
    type: 'Approved',
    status: 'True',
    reason: 'FarletApproved',
    message: 'This farlet made the request, for a node that it runs.',
  };
  const path = paths.certificateApproval(nameOf(asked));
  await client.replace(path, { ...asked, status: { conditions: [condition] } }, { signal });
}

/** At 70 to 90 % of its life (jitteryDuration). Pure. */
export function rotationDeadline(from: number, until: number, random: () => number): number {
  return from + (until - from) * (0.7 + 0.2 * random());
}

/** Whether a certificate for `have` is one for `wanted`; names too many are no reason to ask again. Pure. */
export function covers(have: CertificateNames, wanted: CertificateNames): boolean {
  return (
    wanted.dnsNames.every((name) => have.dnsNames.includes(name)) &&
    wanted.ips.every((ip) => have.ips.includes(ip))
  );
}

/** From and until, in ms; throws for what is no certificate of the key. */
function validity(cert: string, key: string): [number, number] {
  const leaf = new X509Certificate(cert);
  if (!leaf.checkPrivateKey(createPrivateKey(key)))
    throw new FarletError('invalid', 'what was signed is not for the key that was asked for');
  return [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)];
}

function nameOf({ metadata }: CertificateSigningRequest): string {
  return metadata?.name ?? '';
}

function isApproved(status: CertificateSigningRequest['status']): boolean {
  return (status?.conditions ?? []).some(({ type }) => type === 'Approved');
}
