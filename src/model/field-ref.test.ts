import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pod } from '../testing/fixtures.ts';
import { orderPodIPs, resolveFieldRef } from './field-ref.ts';
import { goQuote } from './go-quote.ts';
import { podQosClass } from './pod-qos.ts';
import { resolveResourceFieldRef } from './resource-field-ref.ts';

const base = pod({
  metadata: { labels: { b: '2', a: 'x "y"\n' }, annotations: { 'ex.io/note': 'hi' } },
  spec: {
    serviceAccountName: 'sa',
    containers: [
      {
        name: 'c',
        resources: { requests: { cpu: '1500m', memory: '32Mi' }, limits: { 'hugepages-2Mi': '4Mi' } },
      },
      { name: 'limited', resources: { limits: { cpu: '250m', memory: '1500k' } } },
    ],
    initContainers: [{ name: 'init', resources: {} }],
  },
});
const context = { podIPs: ['fd00::7', '10.0.0.7'], hostIPs: ['192.0.2.1', 'fd00::1'] };

describe('field references', () => {
  const rows: [path: string, value: string][] = [
    ['metadata.name', 'web'],
    ['metadata.namespace', 'default'],
    ['metadata.uid', 'uid-web'],
    ['metadata.labels', 'a="x \\"y\\"\\n"\nb="2"'],
    ["metadata.labels['b']", '2'],
    ["metadata.labels['none']", ''],
    ["metadata.labels['constructor']", ''],
    ["metadata.annotations['__proto__']", ''],
    ["metadata.labels['']", ''],
    ["metadata.annotations['a['b']c']", ''],
    ["metadata.annotations['ex.io/note']", 'hi'],
    ['spec.nodeName', 'edge-1'],
    ['spec.serviceAccountName', 'sa'],
    ['status.hostIP', '192.0.2.1'],
    ['status.hostIPs', '192.0.2.1,fd00::1'],
    ['status.podIP', '10.0.0.7'],
    ['status.podIPs', '10.0.0.7,fd00::7'],
  ];
  for (const [path, value] of rows)
    it(path, () => {
      assert.equal(resolveFieldRef(base, path, context), value);
    });

  it('refuses what is no field', () => {
    const wrong: [path: string, message: string][] = [
      ['spec.x', 'field label not supported: spec.x'],
      ["spec.x['y']", "field label does not support subscript: spec.x['y']"],
      ["['y']", "field label not supported: ['y']"],
      ['status.phase', 'unsupported fieldPath: status.phase'],
    ];
    for (const [path, message] of wrong)
      assert.throws(() => resolveFieldRef(base, path, context), { kind: 'invalid', message });
  });

  it('orders addresses by the family of the node', () => {
    assert.deepEqual(orderPodIPs(['10.0.0.7', 'fd00::7'], ['fd00::1']), ['fd00::7', '10.0.0.7']);
    assert.deepEqual(orderPodIPs(['10.0.0.7', '10.0.0.8'], []), ['10.0.0.7']);
  });
});

describe('resource field references', () => {
  const rows: [resource: string, of: string, divisor: string | undefined, value: string][] = [
    ['requests.cpu', 'c', undefined, '2'],
    ['requests.cpu', 'c', '1m', '1500'],
    ['requests.memory', 'c', undefined, '33554432'],
    ['requests.memory', 'c', '1Mi', '32'],
    ['limits.memory', 'limited', '1Mi', '2'],
    ['limits.cpu', 'limited', '0', '1'],
    ['limits.cpu', 'c', undefined, '4'],
    ['limits.memory', 'c', '1Gi', '8'],
    ['limits.hugepages-2Mi', 'c', undefined, '4194304'],
    ['limits.cpu', 'init', undefined, '4'],
    ['requests.ephemeral-storage', 'c', undefined, '0'],
  ];
  const allocatable = { cpu: '4', memory: '8Gi' };
  it('divides as floats, as a kubelet does', () => {
    const shown = (memory: string, divisor?: string): string =>
      resolveResourceFieldRef(
        pod({ spec: { containers: [{ name: 'c', resources: { requests: { memory } } }] } }),
        { resource: 'requests.memory', containerName: 'c', ...(divisor === undefined ? {} : { divisor }) },
        { container: undefined, allocatable: {} },
      );
    assert.deepEqual(
      [
        shown('9007199254740993'),
        shown('9007199254740993', '1Mi'),
        shown('9223372036854774784'),
        shown('9223372036854775807'),
        shown('33e6', '0'),
        shown('0.05Gi'),
      ],
      [
        '9007199254740992',
        '8589934592',
        '9223372036854774784',
        '-9223372036854775808',
        '33000000',
        '53687092',
      ],
    );
  });

  for (const [resource, containerName, divisor, value] of rows)
    it(`${resource} of ${containerName} / ${divisor ?? 'none'}`, () => {
      const ref = { resource, containerName, ...(divisor === undefined ? {} : { divisor }) };
      assert.equal(resolveResourceFieldRef(base, ref, { container: undefined, allocatable }), value);
    });

  it('gives no defaults to an init container that a variable of another names', () => {
    const [container] = base.spec.containers;
    const ref = { resource: 'limits.cpu', containerName: 'init' };
    assert.equal(resolveResourceFieldRef(base, ref, { container, allocatable }), '0');
  });

  it("shows the pod's own limit before the node's", () => {
    const limited = pod({ spec: { resources: { limits: { memory: '1Gi' } } } });
    const [container] = limited.spec.containers;
    const ref = { resource: 'limits.memory', divisor: '1Gi' };
    assert.equal(resolveResourceFieldRef(limited, ref, { container, allocatable }), '1');
    // not in a volume
    const named = { ...ref, containerName: container?.name ?? '' };
    assert.equal(resolveResourceFieldRef(limited, named, { container: undefined, allocatable }), '8');
  });

  it('names what is wrong', () => {
    const none = { container: undefined, allocatable };
    assert.throws(() => resolveResourceFieldRef(base, { resource: 'limits.gpu', containerName: 'c' }, none), {
      message: 'unsupported container resource : limits.gpu',
    });
    assert.throws(() => resolveResourceFieldRef(base, { resource: 'limits.cpu', containerName: 'x' }, none), {
      kind: 'not-found',
      message: 'container x not found',
    });
  });
});

describe('quality of service', () => {
  const both = { cpu: '1', memory: '1Gi' };
  const rows: [name: string, resources: object[], expected: string][] = [
    ['nothing', [{}], 'BestEffort'],
    ['equal', [{ requests: both, limits: both }], 'Guaranteed'],
    ['equal in other words', [{ requests: { cpu: '1000m', memory: '1024Mi' }, limits: both }], 'Guaranteed'],
    ['one without', [{ requests: both, limits: both }, {}], 'Burstable'],
    ['less requested', [{ requests: { cpu: '1', memory: '1Mi' }, limits: both }], 'Burstable'],
    ['one resource', [{ requests: { cpu: '1' }, limits: { cpu: '1' } }], 'Burstable'],
    ['zero', [{ requests: { cpu: '0' } }], 'BestEffort'],
  ];
  for (const [name, resources, expected] of rows)
    it(name, () => {
      const containers = resources.map((each, index) => ({ name: String(index), resources: each }));
      assert.equal(podQosClass(pod({ spec: { containers } })), expected);
    });
});

describe("Go's quotes", () => {
  const rows: [text: string, quoted: string][] = [
    ['plain', '"plain"'],
    ['a"b\\c', '"a\\"b\\\\c"'],
    ['\t\u0001\u007f', '"\\t\\x01\\x7f"'],
    ['ü€😀', '"ü€😀"'],
    ['\u00a0\u{e0001}', '"\\u00a0\\U000e0001"'],
  ];
  for (const [text, quoted] of rows)
    it(quoted, () => {
      assert.equal(goQuote(text), quoted);
    });
});
