import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { podResources } from '../pods/status/pod-resources.ts';
import { pod } from '../testing/fixtures.ts';
import type { Container, Pod, PodSpec } from './kube.ts';
import { podLimit, podRequest, podTotal } from './pod-requests.ts';
import { quantityMilli, quantityValue } from './quantity-text.ts';

type List = Readonly<Record<string, string>>;

const asks = (requests: List): Container => ({ name: 'c', resources: { requests } });
const may = (limits: List): Container => ({ name: 'c', resources: { limits } });
const sidecar = (requests: List): Container => ({ ...asks(requests), restartPolicy: 'Always' });

describe('what a pod asks for', () => {
  const rows: [name: string, spec: Partial<PodSpec>, expect: Readonly<Record<string, number>>][] = [
    ['nothing', { containers: [asks({})] }, {}],
    ['the sum of its containers', { containers: [asks({ cpu: '1' }), asks({ cpu: '500m' })] }, { cpu: 1500 }],
    [
      'each resource for itself',
      { containers: [asks({ cpu: '1' }), asks({ memory: '1Ki', 'example.com/gpu': '2' })] },
      { cpu: 1000, memory: 1024, 'example.com/gpu': 2 },
    ],
    [
      'what the greediest init container needs',
      { containers: [asks({ cpu: '1' })], initContainers: [asks({ cpu: '3' }), asks({ cpu: '2' })] },
      { cpu: 3000 },
    ],
    [
      'the peak of each resource, whichever container has it',
      {
        containers: [asks({ cpu: '1', memory: '8' })],
        initContainers: [asks({ cpu: '3' }), asks({ memory: '9' })],
      },
      { cpu: 3000, memory: 9 },
    ],
    [
      'sidecars beside all that comes later',
      {
        containers: [asks({ cpu: '1' })],
        initContainers: [asks({ cpu: '2' }), sidecar({ cpu: '1' }), asks({ cpu: '1500m' })],
      },
      { cpu: 2500 },
    ],
    [
      'sidecars beside each other and the containers',
      {
        containers: [asks({ cpu: '1' })],
        initContainers: [sidecar({ cpu: '1' }), asks({ cpu: '1' }), sidecar({ cpu: '2' })],
      },
      { cpu: 4000 },
    ],
    [
      'what the pod says of itself before all else',
      {
        containers: [asks({ cpu: '2', memory: '8' })],
        initContainers: [asks({ cpu: '9' })],
        resources: { requests: { cpu: '1' } },
      },
      { cpu: 1000, memory: 8 },
    ],
    [
      'of the pod itself only what is for pods',
      {
        containers: [asks({ 'example.com/gpu': '1' })],
        resources: { requests: { 'example.com/gpu': '7', 'hugepages-2Mi': '2Mi' } },
      },
      { 'example.com/gpu': 1, 'hugepages-2Mi': 2 * 1024 * 1024 },
    ],
    [
      'overhead on top, of the pod itself too',
      {
        containers: [asks({ cpu: '2' })],
        resources: { requests: { cpu: '1' } },
        overhead: { cpu: '250m', memory: '64' },
      },
      { cpu: 1250, memory: 64 },
    ],
  ];
  for (const [name, spec, expect] of rows)
    it(name, () => {
      const amounts = [...podRequest(pod({ spec }))].map(([resource, amount]) => [resource, Number(amount)]);
      assert.deepEqual(Object.fromEntries(amounts), expect);
    });

  it('overhead comes on top of limits that are set, and totals are without it', () => {
    const spec = { containers: [may({ cpu: '1', memory: '0' })], overhead: { cpu: '250m', memory: '64' } };
    assert.deepEqual(
      podLimit(pod({ spec })),
      new Map([
        ['cpu', 1250n],
        ['memory', 0n],
      ]),
    );
    assert.equal(podTotal(pod({ spec }), 'limits', 'cpu'), 1000n);
    assert.equal(podTotal(pod({ spec }), 'requests', 'cpu'), undefined);
  });
});

const amount = fc.constantFrom(
  '0',
  '1',
  '3',
  '0.5',
  '100m',
  '1500m',
  '1m',
  '64Mi',
  '1Gi',
  '2G',
  '128974848',
  '1e3',
);
const list = fc.dictionary(
  fc.constantFrom('cpu', 'memory', 'hugepages-2Mi', 'ephemeral-storage', 'example.com/gpu'),
  amount,
  { maxKeys: 4, noNullPrototype: true },
);
const resources = fc.record({ requests: list, limits: list });
const container = fc.record({ name: fc.constant('c'), resources });
const initContainer = fc.oneof(
  container,
  container.map((each) => ({ ...each, restartPolicy: 'Always' })),
);
const specs = fc.record({
  containers: fc.array(container, { minLength: 1, maxLength: 3 }),
  initContainers: fc.array(initContainer, { maxLength: 4 }),
  resources: fc.option(resources, { nil: {} }),
  overhead: list,
});

/** Moment by moment: each init container in turn beside the sidecars before it, then all that goes on. */
function moments({ containers, initContainers = [] }: PodSpec): Container[][] {
  const sidecars: Container[] = [];
  const before = initContainers.map((each) => {
    const moment = [...sidecars, each];
    if (each.restartPolicy === 'Always') sidecars.push(each);
    return moment;
  });
  return [...before, [...sidecars, ...containers]];
}

/** In thousandths, without overhead. Everything here is a whole number of them. */
function counted({ spec }: Pod, kind: 'requests' | 'limits', resource: string): bigint | undefined {
  const isOfPod = ['cpu', 'memory', 'hugepages-2Mi'].includes(resource);
  const ofPod = isOfPod ? spec.resources?.[kind]?.[resource] : undefined;
  if (ofPod !== undefined) return quantityMilli(ofPod);
  const sums = moments(spec).flatMap((moment) => {
    const texts = moment.flatMap((each) => each.resources?.[kind]?.[resource] ?? []);
    return texts.length === 0 ? [] : [texts.reduce((sum, text) => sum + quantityMilli(text), 0n)];
  });
  return sums.length === 0 ? undefined : sums.reduce((most, each) => (each > most ? each : most));
}

describe('the views of what a pod asks for and may use', () => {
  const units = (milli: bigint): bigint => (milli + 999n) / 1000n;
  const scaled = (milli: bigint, resource: string): bigint => (resource === 'cpu' ? milli : units(milli));

  it('agree with each other, and with a count of every moment', () => {
    fc.assert(
      fc.property(specs, (spec) => {
        const subject = pod({ spec });
        const { resources: told } = podResources(subject);
        for (const [kind, view] of [
          ['requests', podRequest(subject)],
          ['limits', podLimit(subject)],
        ] as const) {
          for (const resource of ['cpu', 'memory', 'hugepages-2Mi', 'ephemeral-storage', 'example.com/gpu']) {
            const count = counted(subject, kind, resource);
            if (resource === 'cpu' || resource === 'memory')
              assert.equal(
                podTotal(subject, kind, resource),
                count === undefined ? undefined : scaled(count, resource),
              );
            const overhead = spec.overhead[resource];
            const isOnTop = overhead !== undefined && (kind === 'requests' || (count ?? 0n) !== 0n);
            const whole = isOnTop ? (count ?? 0n) + quantityMilli(overhead) : count;
            assert.equal(view.get(resource), whole === undefined ? undefined : scaled(whole, resource));
            const text = told?.[kind]?.[resource];
            const read = resource === 'cpu' ? quantityMilli : quantityValue;
            assert.equal(text === undefined ? undefined : read(text), view.get(resource));
          }
        }
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});
