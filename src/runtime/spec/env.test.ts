import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FarletError } from '../../model/errors.ts';
import type { Container, Service } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import { containerEnv, envReferences, type EnvSources } from './env.ts';
import { serviceEnv } from './service-env.ts';

const missing = new FarletError('not-found', 'configmap "gone" not found');
const sources: EnvSources = {
  services: [],
  kubernetesService: undefined,
  configMaps: new Map([
    ['cm', { value: { data: { A: '1', B: '2' } } }],
    ['gone', { error: missing }],
    [
      'names',
      { value: { data: JSON.parse('{"__proto__":"p","constructor":"d"}') as Record<string, string> } },
    ],
  ]),
  secrets: new Map([
    ['s', { value: { data: { K: btoa('hush') } } }],
    [
      'bytes',
      {
        value: {
          data: JSON.parse('{"B":"8J+YQeKCQv/+w3o=","constructor":"Yw=="}') as Record<string, string>,
        },
      },
    ],
    ['denied', { error: new FarletError('forbidden', 'no') }],
  ]),
  podIPs: ['10.0.0.7'],
  hostIPs: ['192.0.2.1'],
  allocatable: { cpu: '2' },
};

function env(change: Partial<Container>, from: Partial<EnvSources> = {}): Record<string, string> {
  const entries = containerEnv(pod(), { name: 'c', ...change }, { ...sources, ...from });
  return Object.fromEntries(entries.map(({ name, value }) => [name, value]));
}

describe('environment', () => {
  const rows: [name: string, container: Partial<Container>, expected: Record<string, string>][] = [
    ['nothing', {}, {}],
    [
      'env goes before envFrom, prefixes are added',
      {
        envFrom: [{ prefix: 'P_', configMapRef: { name: 'cm' } }, { secretRef: { name: 's' } }],
        env: [{ name: 'K', value: 'own' }],
      },
      { P_A: '1', P_B: '2', K: 'own' },
    ],
    [
      'optional objects may be missing',
      { envFrom: [{ configMapRef: { name: 'gone', optional: true } }] },
      {},
    ],
    [
      'references see what comes before',
      {
        env: [
          { name: 'X', value: '$(Y)' },
          { name: 'Y', value: 'y' },
          { name: 'Z', value: '$(Y)' },
        ],
      },
      { X: '$(Y)', Y: 'y', Z: 'y' },
    ],
    ['an empty value is empty', { env: [{ name: 'X' }, { name: 'Y', value: '' }] }, { X: '', Y: '' }],
    [
      'keys',
      {
        env: [
          { name: 'A', valueFrom: { configMapKeyRef: { name: 'cm', key: 'A' } } },
          { name: 'K', valueFrom: { secretKeyRef: { name: 's', key: 'K' } } },
          { name: 'N', valueFrom: { configMapKeyRef: { name: 'cm', key: 'Z', optional: true } } },
          { name: 'M', valueFrom: { configMapKeyRef: { name: 'gone', key: 'Z', optional: true } } },
        ],
      },
      { A: '1', K: 'hush' },
    ],
    [
      'names that every JavaScript object has',
      {
        envFrom: [{ configMapRef: { name: 'names' } }, { secretRef: { name: 'bytes' } }],
        env: [
          { name: '__proto__', value: '<$(__proto__)$(constructor)$(valueOf)>' },
          { name: 'X', valueFrom: { configMapKeyRef: { name: 'names', key: '__proto__' } } },
          { name: 'Y', valueFrom: { configMapKeyRef: { name: 'names', key: 'toString', optional: true } } },
        ],
      },
      JSON.parse(
        '{"__proto__":"<pc$(valueOf)>","constructor":"c","X":"p","B":"\\udcf0\\udc9f\\udc98A\\udce2\\udc82B\\udcff\\udcfe\\udcc3z"}',
      ) as Record<string, string>,
    ],
    [
      'fields',
      {
        env: [
          { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
        ],
      },
      { IP: '10.0.0.7', CPU: '2' },
    ],
  ];
  for (const [name, container, expected] of rows)
    it(name, () => {
      assert.deepEqual(env(container), expected);
    });

  const failures: [name: string, container: Partial<Container>, message: string][] = [
    ['missing object', { envFrom: [{ configMapRef: { name: 'gone' } }] }, 'configmap "gone" not found'],
    [
      'an optional object that may not be read',
      { envFrom: [{ secretRef: { name: 'denied', optional: true } }] },
      'no',
    ],
    [
      'missing key',
      { env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'cm', key: 'Z' } } }] },
      "couldn't find key Z in ConfigMap default/cm",
    ],
    [
      'missing secret key',
      { env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 's', key: 'toString' } } }] },
      "couldn't find key toString in Secret default/s",
    ],
    [
      'a file',
      { env: [{ name: 'X', valueFrom: { fileKeyRef: { volumeName: 'v', path: 'p', key: 'k' } } }] },
      'cannot find the volume "v" referenced by FileKeyRef',
    ],
  ];
  for (const [name, container, message] of failures)
    it(`fails for ${name}`, () => {
      assert.throws(() => env(container), { message });
    });

  const file = (ref: { key: string; optional?: boolean }): Partial<Container> => ({
    env: [{ name: 'X', valueFrom: { fileKeyRef: { volumeName: 'v', path: 'p', ...ref } } }],
  });
  const from = (of: { text: string } | { error: unknown }): Partial<EnvSources> => ({
    envFiles: new Map([['v/p', 'text' in of ? { value: { path: '/v/p', ...of } } : of]]),
  });

  it('reads files in volumes', () => {
    assert.deepEqual(env(file({ key: 'A' }), from({ text: "A='b'" })), { X: 'b' });
    assert.deepEqual(env(file({ key: 'B', optional: true }), from({ text: "A='b'" })), {});
  });
  for (const [what, of, message] of [
    ['a file without the key', { text: "B='hush'" }, 'environment variable key "A" not found in file "/v/p"'],
    ['a file that is none of variables', { text: 'hush' }, "couldn't parse env file"],
    [
      'a file that is not there',
      { error: new FarletError('not-found', 'ENOENT') },
      "couldn't parse env file",
    ],
    ['a file that is none', { error: new FarletError('invalid', 'is a fifo') }, "couldn't parse env file"],
  ] as const)
    it(`fails for ${what}`, () => {
      assert.throws(() => env(file({ key: 'A' }), from(of)), { message });
    });

  it('waits for services', () => {
    assert.throws(() => env({}, { services: undefined }), /services have not yet been read at least once/);
  });

  it('service variables give way and may be referred to', () => {
    const services = [service('default', 'kubernetes', '10.96.0.1', 443)];
    const own = env(
      {
        env: [
          { name: 'KUBERNETES_PORT', value: 'mine' },
          { name: 'H', value: '$(KUBERNETES_SERVICE_HOST)' },
        ],
      },
      { services },
    );
    assert.equal(own.KUBERNETES_PORT, 'mine');
    assert.equal(own.H, '10.96.0.1');
  });

  it('lists what has to be read', () => {
    const references = envReferences([
      { name: 'a', envFrom: [{ configMapRef: { name: 'x' } }, { secretRef: { name: 'y' } }] },
      { name: 'b', env: [{ name: 'K', valueFrom: { secretKeyRef: { name: 'z', key: 'k' } } }] },
    ]);
    assert.deepEqual([...references.configMaps], ['x']);
    assert.deepEqual([...references.secrets], ['y', 'z']);
  });
});

function service(namespace: string, name: string, clusterIP: string, port: number): Service {
  return { metadata: { namespace, name }, spec: { clusterIP, ports: [{ port, protocol: 'TCP' }] } };
}

describe('service variables', () => {
  const services = [
    service('default', 'kubernetes', '10.96.0.1', 443),
    service('shop', 'my-svc', 'fd00::5', 80),
    service('shop', 'headless', 'None', 80),
    service('other', 'far', '10.96.0.9', 80),
  ];
  const hosts = (enableServiceLinks: boolean, kubernetesService?: { host: string; port: number }): string[] =>
    [...serviceEnv({ services, namespace: 'shop', enableServiceLinks, kubernetesService })]
      .filter(([name]) => name.endsWith('_SERVICE_HOST'))
      .map(([name, value]) => `${name}=${value}`);

  it('shows the own namespace only with links', () => {
    assert.deepEqual(hosts(false), ['KUBERNETES_SERVICE_HOST=10.96.0.1']);
    assert.deepEqual(hosts(true), ['KUBERNETES_SERVICE_HOST=10.96.0.1', 'MY_SVC_SERVICE_HOST=fd00::5']);
  });

  it('brackets IPv6', () => {
    const env = serviceEnv({
      services,
      namespace: 'shop',
      enableServiceLinks: true,
      kubernetesService: undefined,
    });
    assert.equal(env.get('MY_SVC_PORT'), 'tcp://[fd00::5]:80');
    assert.equal(env.get('MY_SVC_PORT_80_TCP_ADDR'), 'fd00::5');
  });

  it('can send pods to the API server by another address', () => {
    assert.deepEqual(hosts(false, { host: '203.0.113.5', port: 6443 }), [
      'KUBERNETES_SERVICE_HOST=203.0.113.5',
    ]);
  });
});
