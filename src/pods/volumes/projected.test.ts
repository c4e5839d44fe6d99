import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KubeError } from '../../model/errors.ts';
import type { Volume } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import { fetchPayload } from './fetch-payload.ts';

const missing = (kind: string, name: string): Promise<never> =>
  Promise.reject(
    new KubeError('not-found', `${kind} "${name}" not found`, { status: 404, reason: 'NotFound' }),
  );
const sources = {
  configMap: (_: string, name: string) =>
    name === 'cm' ? Promise.resolve({ data: { k: 'cm', only: 'o' } }) : missing('configmap', name),
  secret: (_: string, name: string) =>
    name === 's'
      ? Promise.resolve({ data: { k: Buffer.from('s').toString('base64') } })
      : missing('secret', name),
  token: ({
    audience,
    expirationSeconds,
  }: {
    audience?: string | undefined;
    expirationSeconds?: number | undefined;
  }) => Promise.resolve({ token: `for ${String(audience)} ${String(expirationSeconds)}`, renewAt: 480 }),
};
type Projections = NonNullable<NonNullable<Volume['projected']>['sources']>;
const fetch = (list: Projections) =>
  fetchPayload(
    pod(),
    { name: 'v', projected: { sources: list, defaultMode: 0o440 } },
    { sources, allocatable: {}, signal: new AbortController().signal },
  );

describe('projected volumes', () => {
  it('lay later sources over earlier ones, and are renewed with their tokens', async () => {
    const { payload, renewAt } = await fetch([
      { configMap: { name: 'cm' } },
      { secret: { name: 's' } },
      { downwardAPI: { items: [{ path: 'd/name', fieldRef: { fieldPath: 'metadata.name' } }] } },
      { serviceAccountToken: { path: 'token', audience: 'me', expirationSeconds: 600 } },
    ]);
    assert.deepEqual(
      [...payload].map(([path, { data, mode }]) => [path, data.toString(), mode]),
      [
        ['k', 's', 0o440],
        ['only', 'o', 0o440],
        ['d/name', 'web', 0o440],
        ['token', 'for me 600', 0o440],
      ],
    );
    assert.equal(renewAt, 480);
  });

  it('tell all failures of their sources together', async () => {
    const wrong = [
      { configMap: { name: 'x' } },
      { secret: { name: 'y' } },
      { secret: { name: 'z', optional: true } },
    ];
    await assert.rejects(fetch(wrong), { message: '[configmap "x" not found, secret "y" not found]' });
    await assert.rejects(fetch(wrong.slice(1)), { message: 'secret "y" not found' });
    assert.equal((await fetch(wrong.slice(2))).payload.size, 0);
  });

  it('refuse what is gated off', async () => {
    await assert.rejects(fetch([{ clusterTrustBundle: { name: 'x', path: 'p' } }]), {
      kind: 'unavailable',
      message: /^ClusterTrustBundle projection is not supported: the feature gate/,
    });
    await assert.rejects(fetch([{ podCertificate: { keyType: 'ED25519', signerName: 's' } }]), {
      message: /^PodCertificate projection is not supported: the feature gate/,
    });
  });
});
