/** serverTLSBootstrap: the cluster signs the kubelet API's certificates. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect, type PeerCertificate } from 'node:tls';
import { before, describe, it } from 'node:test';
import { eventually } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';
import type { Farlet } from '../harness/farlet.ts';

const [ASKS, APPROVES] = ['asks', 'approves'];
const world = useWorld({
  hosts: [
    { name: ASKS, version: '2' },
    { name: APPROVES, version: '1.6' },
  ],
  farlet: false,
});

interface Request {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly signerName: string;
    readonly usages: readonly string[];
    readonly username: string;
  };
  readonly status: { readonly conditions?: readonly { type: string; reason: string }[] };
}

const requests = async (): Promise<Request[]> => {
  const text = await world.plane.kubectl(['get', 'certificatesigningrequests', '-o', 'json']);
  return (JSON.parse(text) as { items: Request[] }).items;
};

/** What a node's kubelet API shows, and whether the cluster's CA vouches for it at the node's address. */
function shown(farlet: Farlet, node: string): Promise<{ certificate: PeerCertificate; isTrusted: boolean }> {
  const { hostname, port } = new URL(farlet.kubeletUrl(node));
  return new Promise((resolve, reject) => {
    const socket = connect(
      {
        host: hostname,
        port: Number(port),
        ca: readFileSync(world.plane.clientCa),
        rejectUnauthorized: false,
      },
      () => {
        resolve({ certificate: socket.getPeerCertificate(), isTrusted: socket.authorized });
        socket.destroy();
      },
    ).on('error', reject);
  });
}

describe('certificates that the cluster signs', { concurrency: 1 }, () => {
  let asks: Farlet;
  let approves: Farlet;
  const signed = async (farlet: Farlet, node: string): Promise<PeerCertificate> =>
    eventually(
      `a certificate of the cluster for ${node}`,
      async () => {
        const { certificate, isTrusted } = await shown(farlet, node);
        return isTrusted ? certificate : undefined;
      },
      { timeoutMs: 100_000, everyMs: 500, describe: () => Promise.resolve(farlet.log()) },
    );

  before(async () => {
    asks = await world.startFarlet('asks', {
      hosts: [world.host(ASKS)],
      config: { serverTLSBootstrap: true },
    });
    approves = await world.startFarlet('approves', {
      hosts: [world.host(APPROVES)],
      config: { serverTLSBootstrap: true, approveServingCertificates: true },
    });
  });

  it('are asked for as a kubelet does, and the node works without until then', async () => {
    const pending = await eventually('a request', async () =>
      (await requests()).find(({ status }) => status.conditions === undefined),
    );
    assert.equal(pending.spec.signerName, 'kubernetes.io/kubelet-serving');
    assert.deepEqual(pending.spec.usages, ['digital signature', 'server auth']);
    const { certificate, isTrusted } = await shown(asks, ASKS);
    assert.equal(isTrusted, false);
    assert.deepEqual(certificate.issuer, certificate.subject);
  });

  it('are approved by farlet itself where it may', async () => {
    const certificate = await signed(approves, APPROVES);
    assert.equal(certificate.subject.CN, `system:node:${APPROVES}`);
    assert.equal(certificate.subject.O, 'system:nodes');
    const own = (await requests()).flatMap(({ status }) => status.conditions ?? []);
    assert.deepEqual(
      own.map(({ type, reason }) => `${type} ${reason}`),
      ['Approved FarletApproved'],
    );
  });

  it('are told of on the Node while nobody approves them', async () => {
    const reason = 'reason=ServingCertificateNotSigned';
    const events = ['get', 'events', '-n', 'default', `--field-selector=${reason}`, '-o', 'name'];
    const message = [
      'get',
      'events',
      '-n',
      'default',
      `--field-selector=${reason}`,
      '-o',
      'jsonpath={..message}',
    ];
    await eventually('the event', async () => (await world.plane.kubectl(events)) !== '', {
      timeoutMs: 100_000,
    });
    const text = await world.plane.kubectl(message);
    const approve = /kubectl (certificate approve csr-\S+)/.exec(text)?.[1]?.split(' ');
    assert.ok(approve !== undefined, text);
    await world.plane.kubectl(approve);
  });

  it('are taken once they are signed, and told of', async () => {
    const certificate = await signed(asks, ASKS);
    assert.equal(certificate.subject.CN, `system:node:${ASKS}`);
    assert.match(certificate.subjectaltname ?? '', /^DNS:asks, IP Address:127\.0\.0\.1/);
    const reason = '--field-selector=reason=ServingCertificateSigned';
    assert.notEqual(await world.plane.kubectl(['get', 'events', '-n', 'default', reason, '-o', 'name']), '');
    assert.equal((await requests()).length, 2);
  });
});
