import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import { podResources } from './pod-resources.ts';

type Amounts = Record<string, string>;

const container = (name: string, requests?: Amounts, limits?: Amounts): Container => ({
  name,
  resources: { ...(requests && { requests }), ...(limits && { limits }) },
});
const sidecar = (name: string, requests: Amounts): Container => ({
  ...container(name, requests),
  restartPolicy: 'Always',
});

const rows: readonly {
  readonly what: string;
  readonly spec: Partial<Pod['spec']>;
  readonly requests?: Amounts;
  readonly limits?: Amounts;
}[] = [
  { what: 'nothing', spec: { containers: [container('a')] } },
  {
    what: 'one container in canonical form',
    spec: { containers: [container('a', { cpu: '0.5', memory: '64Mi' }, { memory: '128Mi' })] },
    requests: { cpu: '500m', memory: '64Mi' },
    limits: { memory: '128Mi' },
  },
  {
    what: 'the sum of two, in the form of the first',
    spec: {
      containers: [
        container('a', { cpu: '100m', memory: '1Gi' }),
        container('b', { cpu: '1', memory: '1G' }),
      ],
    },
    requests: { cpu: '1100m', memory: '2073741824' },
  },
  {
    what: 'the greediest moment of initialization',
    spec: {
      initContainers: [
        sidecar('s', { cpu: '100m' }),
        container('i', { cpu: '2' }),
        sidecar('t', { cpu: '100m' }),
      ],
      containers: [container('a', { cpu: '500m', memory: '1Mi' })],
    },
    requests: { cpu: '2100m', memory: '1Mi' },
  },
  {
    what: 'sidecars beside the main container',
    spec: { initContainers: [sidecar('s', { cpu: '100m' })], containers: [container('a', { cpu: '900m' })] },
    requests: { cpu: '1' },
  },
  {
    what: 'pod-level amounts before all, with overhead on top',
    spec: {
      resources: { requests: { cpu: '2' }, limits: { cpu: '3' } },
      overhead: { cpu: '250m', memory: '64Mi' },
      containers: [container('a', { cpu: '500m' })],
    },
    requests: { cpu: '2250m', memory: '64Mi' },
    limits: { cpu: '3250m' },
  },
];

describe("a pod's resources in its status", () => {
  for (const { what, spec, requests, limits } of rows)
    it(`are ${what}`, () => {
      assert.deepEqual(podResources(pod({ spec })), {
        ...(requests && { allocatedResources: requests }),
        resources: { ...(limits && { limits }), ...(requests && { requests }) },
      });
    });
});
