import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod } from '../model/kube.ts';
import { formatNano, parseNano } from '../model/quantity.ts';
import { pod } from '../testing/fixtures.ts';
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
    what: 'one container as it is written',
    spec: { containers: [container('a', { cpu: '0.5', memory: '64Mi' }, { memory: '128Mi' })] },
    requests: { cpu: '0.5', memory: '64Mi' },
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

describe('quantities as text', () => {
  const quantities: readonly (readonly [string, 'binary' | 'decimal', string])[] = [
    ['0', 'binary', '0'],
    ['1500m', 'decimal', '1500m'],
    ['2000m', 'decimal', '2'],
    ['1000', 'decimal', '1k'],
    ['1100', 'decimal', '1100'],
    ['0.000001', 'decimal', '1u'],
    ['67108864', 'binary', '64Mi'],
    ['1537Ki', 'binary', '1537Ki'],
    ['1023', 'binary', '1023'],
    ['1025', 'binary', '1025'],
    ['1.5Gi', 'binary', '1536Mi'],
    ['-2Ki', 'binary', '-2Ki'],
  ];
  for (const [given, form, expected] of quantities)
    it(`${given} is ${expected} in ${form} form`, () => {
      assert.equal(formatNano(parseNano(given) ?? 0n, form), expected);
    });
});
