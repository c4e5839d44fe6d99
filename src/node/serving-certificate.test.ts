import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CertificateSigningRequest } from '../model/kube.ts';
import { KubeError } from '../model/errors.ts';
import { FakeClock, quietLog } from '../testing/fixtures.ts';
import { selfSignedCertificate, type CertificateNames } from '../util/x509.ts';
import { covers, rotationDeadline, ServingCertificate } from './serving-certificate.ts';

const HOUR = 3_600_000;
const YEAR = 365 * 24 * HOUR;
const names: CertificateNames = { dnsNames: ['edge-1'], ips: ['10.0.0.1'] };
const clock0 = 1_700_000_000_000;
/** valid for a year */
const pair = await selfSignedCertificate('system:node:edge-1', names, clock0);
const other = await selfSignedCertificate('system:node:edge-1', names, clock0);

type Status = NonNullable<CertificateSigningRequest['status']>;
const signed: Status = { certificate: Buffer.from(pair.cert).toString('base64') };
const condition = (type: string): Status => ({
  conditions: [{ type, status: 'True', reason: 'R', message: 'm' }],
});

class Cluster {
  readonly clock: FakeClock;
  readonly said: string[] = [];
  names: CertificateNames;
  status: Status | 'gone' | 'replaced' = {};
  readonly stop = new AbortController();
  readonly certificate: ServingCertificate;

  constructor({
    approves = false,
    at = clock0,
    has = names,
  }: { approves?: boolean; at?: number; has?: CertificateNames } = {}) {
    this.names = has;
    this.clock = new FakeClock(at);
    const answer = (name: string, uid: string, status: Status): CertificateSigningRequest =>
      ({ metadata: { name, uid }, spec: { request: 'UkVRVUVTVA==' }, status }) as CertificateSigningRequest;
    const approver = {
      replace: <T>(path: string, body: object) => {
        const { status } = body as CertificateSigningRequest;
        this.said.push(`${path.split('/').slice(-2).join('/')} ${status?.conditions?.[0]?.type ?? ''}`);
        return Promise.resolve(body as T);
      },
    };
    this.certificate = new ServingCertificate({
      client: {
        create: <T>(_: string, body: object) => {
          const { spec } = body as CertificateSigningRequest;
          this.said.push(`ask ${spec.signerName} ${(spec.usages ?? []).join('+')} ${spec.request}`);
          return Promise.resolve(answer('csr-1', 'u', {}) as T);
        },
        get: <T>() => {
          if (this.status === 'gone')
            return Promise.reject(new KubeError('not-found', 'gone', { status: 404, reason: 'NotFound' }));
          const uid = this.status === 'replaced' ? 'v' : 'u';
          return Promise.resolve(answer('csr-1', uid, this.status === 'replaced' ? {} : this.status) as T);
        },
      },
      node: 'edge-1',
      names: () => this.names,
      approver: approves ? approver : undefined,
      onProblem: (problem) => this.said.push(problem ?? 'well'),
      onRotation: (seconds) => this.said.push(`lived ${String(seconds)}`),
      onFailure: () => this.said.push('failed'),
      clock: this.clock,
      log: quietLog,
      random: () => 0.5,
      makeRequest: (subject, wanted) => {
        this.said.push(`for ${subject.organization} ${subject.commonName} ${wanted.ips.join()}`);
        return Promise.resolve({ request: 'REQUEST', key: pair.key });
      },
    });
    this.certificate.run(this.stop.signal).catch(() => undefined);
  }

  async after(ms: number): Promise<string[]> {
    await this.clock.advance(ms);
    return this.said.splice(0);
  }
}

const asked = [
  'for system:nodes system:node:edge-1 10.0.0.1',
  'ask kubernetes.io/kubelet-serving digital signature+server auth UkVRVUVTVA==',
];

describe('the certificate that the cluster signs', () => {
  it('is asked for, waited for, and taken', async () => {
    const cluster = new Cluster();
    assert.deepEqual(await cluster.after(20_000), asked);
    assert.equal(cluster.certificate.current(), undefined);
    cluster.status = signed;
    assert.deepEqual(await cluster.after(60_000), []);
    assert.equal(cluster.certificate.current()?.cert, pair.cert);
  });

  it('is told of when nobody approves it, and when it is there at last', async () => {
    const cluster = new Cluster();
    assert.deepEqual(await cluster.after(90_000), [
      ...asked,
      'csr-1 waits to be approved: kubectl certificate approve csr-1',
    ]);
    cluster.status = condition('Approved');
    assert.deepEqual(await cluster.after(60_000), ['csr-1 waits to be signed']);
    cluster.status = signed;
    assert.deepEqual(await cluster.after(60_000), ['well']);
  });

  it('is approved by farlet itself where it is to be', async () => {
    const cluster = new Cluster({ approves: true });
    assert.deepEqual(await cluster.after(0), [...asked, 'csr-1/approval Approved']);
  });

  it('is not asked for before the node has an address', async () => {
    const early = new Cluster({ has: { dnsNames: ['edge-1'], ips: [] } });
    assert.deepEqual(await early.after(5_000), []);
    early.names = names;
    assert.deepEqual(await early.after(1_000), asked);
  });

  const failures: [string, Status | 'gone' | 'replaced', string][] = [
    ['it is denied', condition('Denied'), 'csr-1: Denied: R: m'],
    ['the signer fails', condition('Failed'), 'csr-1: Failed: R: m'],
    ['it is deleted', 'gone', 'csr-1 was deleted before it was signed'],
    ['another has its name', 'replaced', 'csr-1 was replaced'],
    [
      'what is signed is for another key',
      { certificate: Buffer.from(other.cert).toString('base64') },
      'what was signed is not for the key that was asked for',
    ],
  ];
  for (const [name, status, told] of failures)
    it(`is asked for again when ${name}`, async () => {
      const cluster = new Cluster();
      cluster.status = status;
      assert.deepEqual(await cluster.after(2_000), [...asked, 'failed', told]);
      cluster.status = signed;
      assert.deepEqual(await cluster.after(10_000), [...asked, 'well']);
    });

  it('is asked for again when nobody signed it for a quarter of an hour', async () => {
    const cluster = new Cluster();
    cluster.status = condition('Approved');
    const said = await cluster.after(16 * 60_000);
    assert.deepEqual(said.slice(3, 7), ['failed', 'csr-1 was not signed within 15 minutes', ...asked]);
  });

  it('is asked for again at 70 to 90 % of its life', async () => {
    const cluster = new Cluster({ at: clock0 + 0.8 * YEAR - HOUR });
    cluster.status = signed;
    await cluster.after(60_000);
    cluster.said.length = 0;
    cluster.status = {};
    assert.deepEqual(await cluster.after(0.9 * HOUR), []);
    assert.deepEqual((await cluster.after(0.1 * HOUR)).slice(0, 2), asked);
    assert.equal(cluster.certificate.current()?.cert, pair.cert);
  });

  it('is not taken once it has ended', async () => {
    const cluster = new Cluster({ at: clock0 + YEAR - HOUR });
    cluster.status = signed;
    await cluster.after(60_000);
    assert.equal(cluster.certificate.current()?.cert, pair.cert);
    cluster.status = {};
    await cluster.after(HOUR);
    assert.equal(cluster.certificate.current(), undefined);
  });

  it('is asked for again when the node has an address more', async () => {
    const cluster = new Cluster();
    cluster.status = signed;
    await cluster.after(60_000);
    cluster.said.length = 0;
    cluster.names = { ...names, ips: ['10.0.0.1', '10.0.0.2'] };
    const said = await cluster.after(120_000);
    assert.equal(said[0], 'for system:nodes system:node:edge-1 10.0.0.1,10.0.0.2');
    assert.match(said[2] ?? '', /^lived \d/);
  });

  it('covers what it names', () => {
    const rows: [CertificateNames, boolean][] = [
      [names, true],
      [{ dnsNames: [], ips: ['10.0.0.1'] }, true],
      [{ dnsNames: ['edge-1'], ips: ['10.0.0.1', '::1'] }, false],
      [{ dnsNames: ['edge-2'], ips: [] }, false],
    ];
    for (const [wanted, expect] of rows) assert.equal(covers(names, wanted), expect);
    assert.equal(
      rotationDeadline(0, 100, () => 0),
      70,
    );
    assert.ok(rotationDeadline(0, 100, () => 0.999) < 90);
  });
});
