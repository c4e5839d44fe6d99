/**
 * Who watches clusters, on farlet: Prometheus with kube-prometheus-stack's settings for kubelets and with the
 * monitor of farlet's own chart, kubernetes-mixin's queries, the chart's alerts and dashboard, and
 * OpenTelemetry's kubeletstats receiver. A host here and one over ssh.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { parseAllDocuments, parse } from 'yaml';
import { helm, kubeletStats, prometheus as prometheusProgram } from '../harness/cache.ts';
import { askKubelet } from '../harness/kubelet-client.ts';
import { useNamespace, type Namespace } from '../harness/namespace.ts';
import { shell } from '../harness/pods.ts';
import { outcome, run, start, tail, type Running } from '../harness/processes.ts';
import { startPrometheus, type Prometheus, type Series } from '../harness/prometheus.ts';
import { useWorld } from '../harness/world.ts';
import { alertRules, alertsFile, panelsOf } from '../monitoring/chart-files.ts';
import { serviceWith } from '../monitoring/discovered.ts';
import { diskQueries, kubeletQueries, recordingRules } from '../monitoring/kubelet-queries.ts';
import { cadvisorNames, kubeletNames } from '../monitoring/lint-exceptions.ts';
import { drawPanels } from '../monitoring/panels-picture.ts';
import { kubeletMonitor, scrapeConfigs, type ServiceMonitor } from '../monitoring/scrape-config.ts';

const PATHS = ['/metrics', '/metrics/cadvisor', '/metrics/probes', '/metrics/resource'] as const;
const INTERVAL = '5s';
const DATA_MS = 180_000;
/** of alerts that a fault of this test is to raise; how long theirs is promtool tries */
const SHORT_FOR = '10s';
/** where the picture of the dashboard's panels goes, if anywhere */
const PICTURE = process.env.FARLET_DASHBOARD_PICTURE;

const world = useWorld({
  hosts: [
    { name: 'near', version: '2' },
    { name: 'far', version: '2', link: 'ssh' },
  ],
  farlet: false,
  onUp: async (up) => {
    // objects of the cluster must not have loopback addresses
    const { outside } = up.remote('far');
    await up.startFarlet('farlet', {
      hosts: up.hosts(),
      nodeIP: outside,
      config: { metricsBindAddress: outside },
    });
  },
});
const nodes = world.nodes;
const spaces = new Map<string, Namespace>();

interface NodeJson {
  readonly status: {
    readonly addresses: readonly { readonly type: string; readonly address: string }[];
    readonly daemonEndpoints: { readonly kubeletEndpoint: { readonly Port: number } };
  };
}

/** Where the kubelet API of a node is, as its Node says. */
async function kubeletOf(node: string): Promise<{ ip: string; port: number; node: string }> {
  const text = await world.plane.kubectl(['get', 'node', node, '-o', 'json']);
  const { status } = JSON.parse(text) as NodeJson;
  const ip = status.addresses.find(({ type }) => type === 'InternalIP')?.address ?? '';
  return { ip, port: status.daemonEndpoints.kubeletEndpoint.Port, node };
}

/** Rendered by the chart, as is the Service that it selects. */
async function chartMonitor(): Promise<{
  monitor: ServiceMonitor;
  labels: Record<string, string>;
  port: string;
}> {
  const text = await run([
    ...[helm(4), 'template', 'edge', 'charts/farlet', '--namespace', 'farlet', '--kube-version', '1.36'],
    ...['--values', 'charts/farlet/ci/ssh-values.yaml', '--set', 'serviceMonitor.enabled=true'],
  ]);
  const objects = parseAllDocuments(text).map(
    (document) => document.toJS() as Record<string, unknown> | null,
  );
  const of = (kind: string): unknown => objects.find((object) => object?.kind === kind);
  const service = of('Service') as {
    readonly metadata: { readonly labels: Record<string, string> };
    readonly spec: { readonly ports: readonly { readonly name: string }[] };
  };
  return {
    monitor: of('ServiceMonitor') as ServiceMonitor,
    labels: service.metadata.labels,
    port: service.spec.ports[0]?.name ?? '',
  };
}

/** What goes past the page cache is counted for who did it, also with control groups v1. */
const WORK = `while true; do
  dd if=/dev/zero of=/scratch/f bs=64k count=16 oflag=direct; dd if=/scratch/f of=/dev/null bs=64k iflag=direct
  i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done
  wget -q -T 1 -O /dev/null http://1.1.1.1:9/
  sleep 1
done 2>/dev/null`;

/** With control groups v1 a kernel may count what is read and written only where that is limited. */
function skipOf(query: string): { skip: string | false } {
  const counts =
    existsSync('/sys/fs/cgroup/cgroup.controllers') ||
    /^Total [1-9]/m.test(readFileSync('/sys/fs/cgroup/blkio/blkio.throttle.io_service_bytes', 'utf8'));
  return { skip: diskQueries.includes(query) && !counts && 'this kernel counts it for nobody' };
}

/** Pods that use a bit of everything. */
async function populate(space: Namespace): Promise<void> {
  await space.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings' },
    data: { a: 'b' },
  });
  await space.createPod('web', {
    volumes: [
      { name: 'scratch', emptyDir: {} },
      { name: 'settings', configMap: { name: 'settings' } },
    ],
    containers: [
      shell(WORK, {
        resources: { requests: { cpu: '50m', memory: '16Mi' }, limits: { cpu: '100m', memory: '64Mi' } },
        volumeMounts: [
          { name: 'scratch', mountPath: '/scratch' },
          { name: 'settings', mountPath: '/settings' },
        ],
        readinessProbe: { exec: { command: ['true'] }, periodSeconds: 2 },
      }),
    ],
  });
  await space.waitReady('web', 120_000);
}

/** One pod that comes and goes, and one whose image is nowhere. */
async function turnOver(space: Namespace): Promise<void> {
  await space.createPod('brief', {
    restartPolicy: 'Never',
    volumes: [{ name: 'scratch', emptyDir: {} }],
    containers: [shell('sleep 1; exit 3', { volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }] })],
  });
  await space.createPod('pulls', { containers: [shell('', { image: 'localhost/nowhere:1' })] });
}

const isNumber = (series: readonly Series[]): boolean =>
  series.some(({ values }) => values.some(([, value]) => value !== 'NaN'));

for (const node of nodes)
  describe(`pods on ${node}`, () => {
    const space = useNamespace(world, { name: `monitoring-${node}`, node });
    spaces.set(node, space);
    it('are there to be watched', async () => {
      await populate(space);
    });
  });

describe('Prometheus', () => {
  let prometheus: Prometheus | undefined;
  const server = (): Prometheus => {
    assert.ok(prometheus, 'Prometheus has started');
    return prometheus;
  };
  const space = (node: string): Namespace => {
    const found = spaces.get(node);
    assert.ok(found);
    return found;
  };
  const wait = <T>(what: string, check: () => Promise<T | undefined | false>): Promise<T> =>
    space('near').wait(what, check, DATA_MS);
  let began = Date.now();

  before(async () => {
    const { plane, folder } = world;
    const token = `${folder}/prometheus.token`;
    for (const args of [
      ['create', 'namespace', 'farlet'],
      ['create', 'serviceaccount', 'prometheus', '-n', 'farlet'],
      ['create', 'clusterrole', 'prometheus-kubelet', '--verb=get', '--resource=nodes/metrics'],
      [
        ...['create', 'clusterrolebinding', 'prometheus-kubelet'],
        ...['--clusterrole=prometheus-kubelet', '--serviceaccount=farlet:prometheus'],
      ],
    ])
      await plane.kubectl(args);
    writeFileSync(token, (await plane.kubectl(['create', 'token', 'prometheus', '-n', 'farlet'])).trim());
    const { monitor, labels, port } = await chartMonitor();
    const { outside } = world.remote('far');
    const [farlet] = world.farlets;
    const metricsPort = Number(new URL(farlet?.metricsUrl ?? '').port);
    const objects = [
      ...serviceWith(
        {
          name: 'kubelet',
          namespace: 'kube-system',
          labels: kubeletMonitor.spec.selector.matchLabels,
          portName: 'https-metrics',
        },
        await Promise.all(nodes.map(kubeletOf)),
      ),
      ...serviceWith({ name: 'edge-farlet', namespace: 'farlet', labels, portName: port }, [
        { ip: outside, port: metricsPort },
      ]),
    ];
    for (const object of objects) await plane.kubectl(['create', '-f', '-'], JSON.stringify(object));
    const options = { kubeconfig: plane.kubeconfig, tokenFile: token, interval: INTERVAL };
    const { groups } = parse(readFileSync(alertsFile, 'utf8')) as {
      readonly groups: readonly {
        readonly name: string;
        readonly rules: readonly { readonly alert: string }[];
      }[];
    };
    began = Date.now();
    prometheus = await startPrometheus({
      folder: `${folder}/prometheus`,
      config: {
        global: { evaluation_interval: INTERVAL },
        scrape_configs: [...scrapeConfigs(kubeletMonitor, options), ...scrapeConfigs(monitor, options)],
      },
      rules: {
        groups: [
          { name: 'mixin', rules: recordingRules },
          ...groups.map(({ name, rules }) => ({
            name,
            rules: rules.map((rule) =>
              rule.alert === 'FarletHostDown' ? { ...rule, for: SHORT_FOR } : rule,
            ),
          })),
        ],
      },
    });
  });
  after(async () => {
    await prometheus?.stop();
  });

  it('finds every node’s kubelet API at four paths, and farlet by the monitor of its chart', async () => {
    const targets = await wait('all targets to be up', async () => {
      const found = await server().targets();
      return found.length === nodes.length * PATHS.length + 1 && found.every(({ health }) => health === 'up')
        ? found
        : undefined;
    }).catch(async (error: unknown) => {
      throw new Error(JSON.stringify(await server().targets(), undefined, 1), { cause: error });
    });
    const of = (job: string): string[] =>
      targets
        .filter(({ labels }) => labels.job === job)
        .map(({ labels }) => `${labels.node ?? ''} ${labels.metrics_path ?? ''}`)
        .sort();
    assert.deepEqual(of('kubelet'), nodes.flatMap((node) => PATHS.map((path) => `${node} ${path}`)).sort());
    assert.deepEqual(of('edge-farlet'), [' ']);
  });

  it('tells nodes apart at the one port of farlet’s own, and drops what the stack drops', async () => {
    const up = await wait('hosts to be told of', async () => {
      const found = await server().query('farlet_host_up{job="edge-farlet"} == 1');
      return found.length === nodes.length && found;
    });
    assert.deepEqual(up.map(({ metric }) => `${metric.node ?? ''}/${metric.host ?? ''}`).sort(), [
      'far/box',
      'near/box',
    ]);
    await wait('cAdvisor’s to be there', async () =>
      isNumber(await server().query('container_memory_working_set_bytes')),
    );
    for (const dropped of [
      'container_cpu_user_seconds_total',
      'container_spec_cpu_shares',
      'container_cpu_usage_seconds_total{id!="", pod=""}',
      'storage_operation_duration_seconds_bucket{job="kubelet", le="0.25"}',
    ])
      assert.deepEqual(await server().query(dropped), [], dropped);
  });

  it('sees pods come and go', async () => {
    await wait('the first figures', async () => isNumber(await server().query('kubelet_running_pods')));
    for (const node of nodes) await turnOver(space(node));
    const ended = 'sum by (node) (kubelet_terminated_containers_total{exit_code="3", job="kubelet"})';
    await wait('containers that ended', async () => (await server().query(ended)).length === nodes.length);
  });

  // what is missing is not waited for again and again
  const left = (): number => Math.max(2_000, began + DATA_MS - Date.now());
  for (const query of [...kubeletQueries, ...diskQueries])
    it(`has data for ${query.length > 90 ? `${query.slice(0, 90)}…` : query}`, skipOf(query), async () => {
      const check = async (): Promise<boolean> => {
        const seconds = Math.ceil((Date.now() - began) / 1000);
        return isNumber(await server().range(query, { seconds, stepSeconds: 5 }));
      };
      await space('near')
        .wait('a number', check, left())
        .catch(async (error: unknown) => {
          throw new Error(`${query}: ${JSON.stringify(await server().query(query))}`, { cause: error });
        });
    });

  it('evaluates every rule, and no alert fires while all is well', async () => {
    const rules = await wait('all rules to have been evaluated', async () => {
      const found = await server().rules();
      return found.every(({ health }) => health === 'ok') && found;
    }).catch(async (error: unknown) => {
      throw new Error(JSON.stringify(await server().rules(), undefined, 1), { cause: error });
    });
    const names = new Set(rules.map(({ name }) => name));
    for (const { alert } of alertRules()) assert.ok(names.has(alert), alert);
    const firing = (await server().alerts()).filter(({ state }) => state === 'firing');
    assert.deepEqual(firing, []);
  });

  for (const [path, excepted] of [
    ['/metrics', kubeletNames],
    ['/metrics/cadvisor', cadvisorNames],
    ['/metrics/probes', new Map<string, string>()],
    ['/metrics/resource', new Map<string, string>()],
    ['/metrics/slis', new Map<string, string>()],
  ] as const)
    it(`promtool has nothing against ${path} but what a kubelet’s names are`, async () => {
      for (const node of nodes) {
        const { ip, port } = await kubeletOf(node);
        const url = `https://${ip}:${port}`;
        const { code, body } = await askKubelet({ url, path, as: world.plane.kubeletClient });
        assert.equal(code, 200);
        assert.deepEqual(await lint(body, excepted), []);
      }
    });

  it('promtool has nothing against farlet’s own port either', async () => {
    const url = world.farlets[0]?.metricsUrl.replace('127.0.0.1', world.remote('far').outside) ?? '';
    const text = await (await fetch(url)).text();
    assert.deepEqual(await lint(text, kubeletNames), []);
  });

  it('has data for every panel of the dashboard', async () => {
    let missing: string[] = [];
    await wait('every panel to have data', async () => {
      missing = [];
      for (const { title, queries } of panelsOf())
        for (const query of queries) {
          const seconds = Math.ceil((Date.now() - began) / 1000);
          const series = await server().range(shown(query), { seconds, stepSeconds: 10 });
          if (!isNumber(series)) missing.push(`${title}: ${query}`);
        }
      return missing.length === 0;
    }).catch(() => undefined);
    assert.deepEqual(missing, []);
  });

  it('fires when a host is away, says which, and is quiet once it is back', async () => {
    const far = world.remote('far');
    await far.dropPackets();
    const alert = await wait('the alert', async () =>
      (await server().alerts()).find(
        ({ labels, state }) => labels.alertname === 'FarletHostDown' && state === 'firing',
      ),
    );
    await far.mendLink();
    assert.equal(alert.labels.node, 'far');
    assert.equal(alert.labels.severity, 'critical');
    assert.match(alert.annotations.summary ?? '', /host box does not answer/);
    assert.equal(alert.annotations.runbook_url, 'docs/operations.md#farlethostdown');
    await wait('it to be over', async () =>
      (await server().alerts()).every(({ labels }) => labels.alertname !== 'FarletHostDown'),
    );
    const [made] = await server().query('farlet_host_connections_total{node="far", job="edge-farlet"}');
    assert.ok(Number(made?.values[0]?.[1]) > 1, 'its link was made again');
    if (PICTURE !== undefined) {
      const seconds = Math.ceil((Date.now() - began) / 1000);
      const panels = await Promise.all(
        panelsOf().map(async (panel) => ({
          ...panel,
          series: await Promise.all(
            panel.queries.map((query) => server().range(shown(query), { seconds, stepSeconds: 5 })),
          ),
        })),
      );
      writeFileSync(PICTURE, drawPanels(panels));
    }
  });
});

/** A query of the dashboard, as Grafana asks it with all nodes chosen. */
function shown(query: string): string {
  return query
    .replaceAll(/\$(node|host|instance)\b/g, '.*')
    .replaceAll('$job', 'edge-farlet')
    .replaceAll('$__rate_interval', '30s');
}

/** What promtool says, but for what is excepted by family and the beginning of the fault. */
async function lint(text: string, excepted: ReadonlyMap<string, string>): Promise<string[]> {
  const { code, stdout, stderr } = await outcome([prometheusProgram('promtool'), 'check', 'metrics'], {
    input: text,
  });
  assert.ok(code === 0 || code === 3, stderr);
  return `${stdout}${stderr}`
    .split('\n')
    .filter((line) => line.trim() !== '')
    .filter((line) => {
      const [family = ''] = line.split(' ');
      const fault = excepted.get(family);
      return fault === undefined || !line.slice(family.length + 1).startsWith(fault);
    });
}

describe('the kubeletstats receiver', () => {
  const receivers: Running[] = [];
  after(async () => {
    for (const each of receivers) await each.stop('SIGKILL');
  });

  for (const node of nodes)
    it(`receives node, pods, containers and volumes of ${node}`, async () => {
      const space = spaces.get(node);
      assert.ok(space);
      const { ip, port } = await kubeletOf(node);
      const { cert, key } = world.plane.kubeletClient;
      const file = `${world.folder}/kubeletstats-${node}.json`;
      const settings = {
        auth_type: 'tls',
        ...{ ca_file: world.plane.clientCa, cert_file: cert, key_file: key, insecure_skip_verify: true },
        endpoint: `${ip}:${port}`,
        collection_interval: '5s',
        metric_groups: ['node', 'pod', 'container', 'volume'],
        extra_metadata_labels: ['container.id', 'k8s.volume.type'],
      };
      writeFileSync(file, JSON.stringify(settings));
      const logFile = `${file}.log`;
      receivers.push(start('kubeletstats', [kubeletStats(), file], { logFile }));
      const seen = new Map<string, Resource>();
      await space
        .wait(
          'all of it',
          () => {
            for (const resource of received(tail(logFile, 200))) seen.set(resource.key, resource);
            return Promise.resolve(
              wanted(space.name, node).every(({ key, metrics }) => has(seen, key, metrics)),
            );
          },
          120_000,
        )
        .catch((error: unknown) => {
          const told = [...seen.values()].map(({ key, metrics }) => `${key}: ${[...metrics].join(' ')}`);
          throw new Error(`${told.join('\n')}\n${tail(logFile, 5).slice(0, 2000)}`, { cause: error });
        });
      const container = seen.get(`container ${space.name}/web/c`);
      const [status] = (await space.pod('web')).status.containerStatuses ?? [];
      assert.equal(container?.attributes.get('container.id'), status?.containerID?.split('//')[1]);
    });
});

interface Resource {
  readonly key: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly metrics: ReadonlySet<string>;
}

const has = (seen: ReadonlyMap<string, Resource>, key: string, metrics: readonly string[]): boolean =>
  metrics.every((metric) => seen.get(key)?.metrics.has(metric) === true);

/** What the receiver has by default, less what an agent of a kernel of its own would tell. */
function wanted(namespace: string, node: string): { key: string; metrics: readonly string[] }[] {
  const use = (of: string): string[] => [
    ...[`${of}.cpu.usage`, `${of}.cpu.time`, `${of}.memory.usage`, `${of}.memory.working_set`],
    ...[`${of}.memory.rss`, `${of}.memory.page_faults`, `${of}.memory.major_page_faults`],
  ];
  const disk = (of: string): string[] =>
    ['capacity', 'available', 'usage'].map((what) => `${of}.filesystem.${what}`);
  return [
    {
      key: `node ${node}`,
      metrics: [...use('k8s.node'), ...disk('k8s.node'), 'k8s.node.network.io', 'k8s.node.network.errors'],
    },
    { key: `pod ${namespace}/web`, metrics: [...use('k8s.pod'), 'k8s.pod.network.io'] },
    { key: `container ${namespace}/web/c`, metrics: [...use('container'), ...disk('container')] },
    {
      key: `volume ${namespace}/web/scratch`,
      metrics: ['k8s.volume.capacity', 'k8s.volume.available', 'k8s.volume.inodes'],
    },
  ];
}

interface OtlpResource {
  readonly resource: {
    readonly attributes: readonly {
      readonly key: string;
      readonly value: { readonly stringValue?: string };
    }[];
  };
  readonly scopeMetrics: readonly { readonly metrics: readonly { readonly name: string }[] }[];
}

/** OTLP lines of a log in which others may be. */
function received(log: string): Resource[] {
  return log
    .split('\n')
    .filter((line) => line.startsWith('{"resourceMetrics"'))
    .flatMap((line) => {
      const { resourceMetrics } = JSON.parse(line) as { readonly resourceMetrics: readonly OtlpResource[] };
      return resourceMetrics.map(({ resource, scopeMetrics }) => {
        const attributes = new Map(
          resource.attributes.map(({ key, value }) => [key, value.stringValue ?? ''] as const),
        );
        const of = (key: string): string => attributes.get(key) ?? '';
        const pod = `${of('k8s.namespace.name')}/${of('k8s.pod.name')}`;
        const key = attributes.has('k8s.volume.name')
          ? `volume ${pod}/${of('k8s.volume.name')}`
          : attributes.has('k8s.container.name')
            ? `container ${pod}/${of('k8s.container.name')}`
            : attributes.has('k8s.pod.name')
              ? `pod ${pod}`
              : `node ${of('k8s.node.name')}`;
        const metrics = new Set(scopeMetrics.flatMap((scope) => scope.metrics.map(({ name }) => name)));
        return { key, attributes, metrics };
      });
    });
}
