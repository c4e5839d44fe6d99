/**
 * charts/farlet: what Helm 3 and 4 make of it, what values they refuse and how, whether a real API server
 * takes what they make, and whether it grants just what farlet asks for.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { rightsFor } from '../../src/app/check/rights.ts';
import { configSchema } from '../../src/app/config/schema.ts';
import { valuesSchema } from '../../scripts/chart/values.ts';
import { helm } from '../harness/cache.ts';
import { alertRules, type AlertRule } from '../monitoring/chart-files.ts';
import { outcome, run, type Outcome } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';

const chart = 'charts/farlet';
const matrix = readdirSync(`${chart}/ci`).sort();
const majors = [3, 4] as const;

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly rules?: readonly Rule[];
  readonly spec?: {
    readonly template?: { readonly metadata: object; readonly spec: object };
    readonly groups?: readonly { readonly name: string; readonly rules: readonly AlertRule[] }[];
  };
}

function template(major: 3 | 4, args: readonly string[]): Promise<Outcome> {
  return outcome([
    helm(major),
    'template',
    'edge',
    chart,
    '--namespace',
    'farlet',
    '--kube-version',
    '1.36',
    ...args,
  ]);
}

async function rendered(file: string, major: 3 | 4 = 4): Promise<Manifest[]> {
  const { code, stdout, stderr } = await template(major, ['--values', `${chart}/ci/${file}`]);
  assert.equal(code, 0, stderr);
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

function configOf(manifests: readonly Manifest[]): unknown {
  const files = manifests.flatMap(({ data }) => data?.['farlet.yaml'] ?? []);
  return parse(files[0] ?? '');
}

function isHook({ metadata }: Manifest): boolean {
  return metadata.annotations?.['helm.sh/hook'] !== undefined;
}

/** Verbs on resources, as a table of docs/rbac.md has them. */
function toldIn(page: string): string[] {
  const rows = page.matchAll(
    /^\| (?:`(?<group>[^`]+)`)? ?\| (?<resources>`[^|]+`) \| (?<verbs>[a-z, ]+) \|/gm,
  );
  const told = [...rows].flatMap(({ groups: { group = '', resources = '', verbs = '' } = {} }) =>
    resources
      .replaceAll('`', '')
      .split(', ')
      .flatMap((resource) => verbs.split(', ').map((verb) => `${verb} ${resource}.${group}`)),
  );
  return [...new Set(told)].sort();
}

/** One line for each thing that is allowed, as the API server compares them. */
function granted(manifests: readonly Manifest[]): string[] {
  return manifests
    .flatMap(({ kind, metadata, rules = [] }) =>
      rules.flatMap(({ apiGroups, resources, verbs, resourceNames = ['*'] }) =>
        apiGroups.flatMap((group) =>
          resources.flatMap((resource) =>
            verbs.flatMap((verb) =>
              resourceNames.map((name) => {
                const namespace = kind === 'Role' ? (metadata.namespace ?? '') : '*';
                return `${verb} ${resource}.${group} ${name} in ${namespace}`;
              }),
            ),
          ),
        ),
      ),
    )
    .sort();
}

describe('charts/farlet', () => {
  it('has the version of the package', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    const { version: ofChart, appVersion } = parse(readFileSync(`${chart}/Chart.yaml`, 'utf8')) as Record<
      string,
      string
    >;
    assert.deepEqual({ ofChart, appVersion }, { ofChart: version, appVersion: version });
  });

  it('values.yaml says what the defaults of the schema are', () => {
    const values = parse(readFileSync(`${chart}/values.yaml`, 'utf8')) as object;
    const byDefault = valuesSchema.parse({});
    // those of farlet's own file are farlet's to fill in
    assert.deepEqual(values, { ...byDefault, config: { nodes: [] } });
  });

  for (const major of majors) {
    it(`Helm ${String(major)} has nothing to say against it`, async () => {
      for (const args of [[], ...matrix.map((file) => ['--values', `${chart}/ci/${file}`])])
        await run([helm(major), 'lint', '--strict', '--quiet', chart, ...args]);
    });
  }

  it('Helm 3 and 4 make the same of it', async () => {
    for (const file of matrix) assert.deepEqual(await rendered(file, 3), await rendered(file, 4));
  });

  it('the file that it makes is one that farlet takes', async () => {
    for (const file of matrix) {
      const { error } = configSchema.safeParse(configOf(await rendered(file)));
      assert.equal(error, undefined);
    }
  });

  it("farlet's pod is another only for what it does not take over while it runs", async () => {
    const podWith = async (...set: string[]): Promise<unknown> => {
      const args = ['--values', `${chart}/ci/ssh-values.yaml`, ...set.flatMap((each) => ['--set', each])];
      const { code, stdout, stderr } = await template(4, args);
      assert.equal(code, 0, stderr);
      const made = parseAllDocuments(stdout).map((document) => document.toJS() as Manifest | null);
      return made.find((manifest) => manifest?.kind === 'Deployment')?.spec?.template;
    };
    const before = await podWith();
    const node = 'config.nodes[1].hosts[0]';
    for (const taken of [
      ['config.nodes[0].labels.rack=b7'],
      ['config.logLevel=debug'],
      [
        'config.nodes[1].name=edge-2',
        `${node}.name=box-2`,
        `${node}.endpoint=ssh://farlet@198.51.100.10/run/c.sock`,
      ],
    ])
      assert.deepEqual(await podWith(...taken), before, taken.join());
    for (const other of ['config.maxPods=7', 'logLevel=debug'])
      assert.notDeepEqual(await podWith(other), before, other);
  });

  it('grants what farlet with this configuration asks for, and nothing else', async () => {
    for (const file of matrix) {
      const manifests = await rendered(file);
      const needed = rightsFor(configSchema.parse(configOf(manifests))).flatMap(
        ({ verb, resource, subresource, group = '', namespace = '*', names = ['*'] }) =>
          (verb === 'watch' ? ['list', 'watch'] : [verb]).flatMap((each) =>
            names.map(
              (name) =>
                `${each} ${resource}${subresource === undefined ? '' : `/${subresource}`}.${group} ${name} in ${namespace}`,
            ),
          ),
      );
      const forGood = manifests.filter((manifest) => !isHook(manifest));
      assert.deepEqual(granted(forGood), needed.sort(), file);
    }
  });

  it('hands on the alerts and the dashboard as they are, or not at all', async () => {
    const manifests = await rendered('everything-values.yaml');
    const rule = manifests.find(({ kind }) => kind === 'PrometheusRule');
    const groups = rule?.spec?.groups ?? [];
    const base = 'https://git.example.com/farlet/blob/main/';
    assert.deepEqual(
      groups.flatMap(({ rules }) => rules),
      alertRules()
        .filter(({ alert }) => alert !== 'FarletBusy')
        .map(({ labels, annotations, ...rest }) => ({
          ...rest,
          labels: { ...labels, team: 'edge' },
          annotations: { ...annotations, runbook_url: base + annotations.runbook_url },
        })),
    );
    assert.equal(rule?.metadata.labels?.release, 'prometheus');
    const dashboard = manifests.find(({ metadata }) => metadata.labels?.grafana_dashboard === '1');
    assert.equal(dashboard?.metadata.namespace, 'monitoring');
    assert.deepEqual(
      JSON.parse(dashboard.data?.['farlet.json'] ?? ''),
      JSON.parse(readFileSync(`${chart}/files/dashboard.json`, 'utf8')),
    );
    const withoutThem = await rendered('ssh-values.yaml');
    assert.ok(!withoutThem.some(({ kind }) => kind === 'PrometheusRule'));
    assert.ok(!withoutThem.some(({ metadata }) => metadata.name.endsWith('-dashboard')));
  });

  it('docs/rbac.md has a row for each rule', () => {
    const [told = ''] = readFileSync('docs/rbac.md', 'utf8').split('\n## ');
    const host = { name: 'a', endpoint: 'tcp://a:1' };
    const everything = rightsFor(
      configSchema.parse({
        apiVersion: 'farlet.dev/v1alpha1',
        kind: 'FarletConfiguration',
        serverTLSBootstrap: true,
        approveServingCertificates: true,
        nodes: [{ name: 'edge-1', staticPodPath: '/manifests', hosts: [host, host] }],
      }),
    ).flatMap(({ verb, resource, subresource, group = '' }) =>
      (verb === 'watch' ? ['list', 'watch'] : [verb]).map(
        (each) => `${each} ${resource}${subresource === undefined ? '' : `/${subresource}`}.${group}`,
      ),
    );
    assert.deepEqual(toldIn(told), [...new Set(everything)].sort());
  });

  it('what helm uninstall may do with nodes is in docs/rbac.md, and gone with its Job', async () => {
    const [, told = ''] = readFileSync('docs/rbac.md', 'utf8').split('\n## helm uninstall\n');
    const hooks = (await rendered('tcp-pool-values.yaml')).filter(
      ({ metadata }) => metadata.annotations?.['helm.sh/hook'] === 'pre-delete',
    );
    const rules = hooks.flatMap(({ rules = [] }) => rules);
    const pairs = rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}.${group}`)),
      ),
    );
    assert.deepEqual(pairs.sort(), toldIn(told));
    const named = rules.filter(({ resources }) => resources.includes('nodes'));
    assert.deepEqual(
      named.map(({ resourceNames }) => resourceNames),
      [['shop-7']],
    );
    const weightOf = ({ metadata }: Manifest): number =>
      Number(metadata.annotations?.['helm.sh/hook-weight']);
    const jobs = hooks.filter(({ kind }) => kind === 'Job');
    assert.equal(jobs.length, 1);
    for (const manifest of hooks.filter(({ kind }) => kind !== 'Job')) {
      assert.ok(weightOf(manifest) < Math.min(...jobs.map(weightOf)), manifest.kind);
      assert.deepEqual(manifest.metadata.annotations?.['helm.sh/hook-delete-policy']?.split(','), [
        'before-hook-creation',
        'hook-succeeded',
        'hook-failed',
      ]);
    }
  });

  it('helm uninstall drains no node unless it is told to', async () => {
    const hooks = (await rendered('ssh-values.yaml')).filter(isHook);
    assert.deepEqual(
      hooks.map(({ metadata }) => metadata.annotations?.['helm.sh/hook']),
      ['test'],
    );
  });
});

const oneHost = { name: 'box', endpoint: 'ssh://root@198.51.100.9/run/containerd/containerd.sock' };
const withHost = (host: object, more: object = {}): object => ({
  ssh: { existingSecret: 'keys' },
  config: { nodes: [{ name: 'edge-1', hosts: [{ ...oneHost, ...host }] }] },
  ...more,
});

/** Values, and what both Helms say of them. */
const refused: readonly (readonly [string, object, RegExp])[] = [
  ['no node', {}, /config\.nodes: there is none; name at least one node/],
  ['a misspelt key', { replica: 2 }, /additional properties 'replica' not allowed/i],
  ["a key that farlet's file has not", { config: { clusterDns: [] } }, /'clusterDns' not allowed/],
  ['a word for a number', { config: { maxPods: 'many' } }, /config.maxPods.*want integer/s],
  [
    'a name that no Node can have',
    { config: { nodes: [{ name: 'Edge', hosts: [oneHost] }] } },
    /nodes.0.name/,
  ],
  ['a node without a host', { config: { nodes: [{ name: 'edge', hosts: [] }] } }, /nodes.0.hosts.*minItems/s],
  ['a unix socket', withHost({ endpoint: 'unix:///run/c.sock' }), /reach the host by ssh/],
  ['an unknown scheme', withHost({ endpoint: 'http://box' }), /use ssh:\/\/.* or tcp:\/\//],
  ['a host without a key', withHost({}, { ssh: {} }), /kubectl create secret generic farlet-ssh/],
  [
    'two sources of a key',
    withHost({}, { ssh: { existingSecret: 'a', privateKey: 'b' } }),
    /take one of both/,
  ],
  [
    'certificates for ssh',
    withHost({ tls: { secretName: 'a' } }),
    /hosts\[0\]\.tls: only tcp endpoints have it/,
  ],
  [
    'no certificates for tcp',
    withHost({ endpoint: 'tcp://box:1' }),
    /tls: a host over tcp has no certificates/,
  ],
  [
    'no port for probes',
    withHost({}, { config: { healthzPort: 0, nodes: [{ name: 'a', hosts: [oneHost] }] } }),
    /healthzPort/,
  ],
  [
    'a drain that nobody may do',
    withHost({}, { onUninstall: 'drain', rbac: { create: false } }),
    /set drain\.serviceAccountName/,
  ],
  ['an uninstall that is neither', withHost({}, { onUninstall: 'delete' }), /onUninstall/],
  [
    'a monitor of nothing',
    withHost({}, { serviceMonitor: { enabled: true }, service: { enabled: false } }),
    /needs service\.enabled/,
  ],
  [
    'a budget of two minds',
    withHost({}, { podDisruptionBudget: { minAvailable: 1, maxUnavailable: 1 } }),
    /take one/,
  ],
];

describe('values that are refused, and why', () => {
  const world = useWorld({ hosts: [], farlet: false });
  for (const [what, values, message] of refused)
    it(what, async () => {
      const file = `${world.folder}/values.yaml`;
      writeFileSync(file, stringify(values));
      for (const major of majors) {
        const { code, stderr } = await template(major, ['--values', file]);
        assert.notEqual(code, 0);
        assert.match(stderr, message);
      }
    });
});

/** The Prometheus operator's, as far as an API server needs them to take such an object. */
const monitors = (['PodMonitor', 'ServiceMonitor', 'PrometheusRule'] as const).map((kind) => {
  const plural = `${kind.toLowerCase()}s`;
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.monitoring.coreos.com` },
    spec: {
      group: 'monitoring.coreos.com',
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase() },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  };
});

describe('a real API server', () => {
  const world = useWorld({ hosts: [], farlet: false });
  before(async () => {
    const apply = (object: object): Promise<string> =>
      world.plane.kubectl(['apply', '-f', '-'], JSON.stringify(object));
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'farlet', labels } });
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'monitoring' } });
    for (const definition of monitors) await apply(definition);
    const names = monitors.map(({ metadata }) => `crd/${metadata.name}`);
    await world.plane.kubectl(['wait', '--for=condition=Established', '--timeout=30s', ...names]);
    for (const name of ['edge-farlet', 'edge-farlet-drain', 'edge-kubelet', 'drains-nodes'])
      await world.plane.kubectl(['-n', 'farlet', 'create', 'serviceaccount', name]);
  });

  for (const file of matrix)
    it(`takes what is made of ${file}, pods in a restricted namespace`, async () => {
      const manifests = await rendered(file);
      // a Deployment and a Job are only warned of, a pod is refused
      const pods = manifests.flatMap(({ spec, metadata: { name } }) =>
        spec?.template !== undefined
          ? [
              {
                apiVersion: 'v1',
                kind: 'Pod',
                ...spec.template,
                metadata: { ...spec.template.metadata, name: `${name}-pod`, namespace: 'farlet' },
              },
            ]
          : [],
      );
      assert.ok(pods.length > 0);
      const answers = await world.plane.kubectl(
        [
          'apply',
          '--server-side',
          '--force-conflicts',
          '--dry-run=server',
          '--validate=strict',
          '-o',
          'name',
          '-f',
          '-',
        ],
        JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [...manifests, ...pods] }),
      );
      assert.equal(answers.trim().split('\n').length, manifests.length + pods.length);
    });

  it('refuses such a pod with one word changed', async () => {
    const [first = ''] = matrix;
    const pod = (await rendered(first)).find(({ kind }) => kind === 'Pod');
    const { code, stderr } = await world.plane.tryKubectl(
      ['create', '--dry-run=server', '-f', '-'],
      JSON.stringify(pod).replace('"allowPrivilegeEscalation":false', '"allowPrivilegeEscalation":true'),
    );
    assert.equal(code, 1);
    assert.match(stderr, /violates PodSecurity "restricted/);
  });
});
