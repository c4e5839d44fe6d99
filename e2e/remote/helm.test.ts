/**
 * farlet installed by its chart: from its image, as a pod of the cluster, with the chart's rights and no
 * others, over ssh to a host elsewhere; its day two does nothing to pods.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { kubernetes } from '../harness/cache.ts';
import type { Audited } from '../harness/control-plane.ts';
import type { TestHost } from '../harness/host.ts';
import {
  ACCOUNT,
  DRAIN_ACCOUNT,
  NAMESPACE,
  NEXT,
  preparations,
  RELEASE,
  runHelm,
  startClusterNodes,
  valuesFor,
} from '../harness/installed.ts';
import { startMetricsServer } from '../harness/metrics-server.ts';
import { useNamespace } from '../harness/namespace.ts';
import { deployment, podTemplate, shell, SLEEP } from '../harness/pods.ts';
import { useWatched, type PodSeen } from '../harness/watched.ts';
import { useWorld } from '../harness/world.ts';

/** where farlet's pod may be */
const NEAR = ['cluster-node-1', 'cluster-node-2'] as const;
const FAR = 'far';
/** registered by farlet's pod */
const NODE = 'edge-1';
const CHART = 'charts/farlet';

const world = useWorld({
  hosts: [
    ...NEAR.map((name) => ({ name, version: '2' as const })),
    { name: FAR, version: '2', link: 'ssh', user: 'operator' },
  ],
  farlet: false,
  audited: [ACCOUNT, DRAIN_ACCOUNT],
  onUp: async (up) => {
    await startClusterNodes(up, near());
    for (const each of preparations(up.remote(FAR))) await up.plane.kubectl(each.split(' '));
  },
});

const near = (): [TestHost, TestHost] => [world.host(NEAR[0]), world.host(NEAR[1])];
const values = (labels?: Readonly<Record<string, string>>, more: object = {}): object => ({
  ...valuesFor(NODE, {
    near: near(),
    far: world.remote(FAR),
    ...(labels === undefined ? {} : { labels }),
  }),
  ...more,
});

/** What Helm printed; its own failure shows what became of farlet's pod. */
async function helm(
  t: TestContext,
  args: readonly string[],
  options: { major?: 3 | 4; values?: object } = {},
): Promise<string> {
  const started = performance.now();
  const { code, stdout, stderr } = await runHelm(world, args, options);
  t.diagnostic(`helm ${args.join(' ')}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  if (code !== 0) assert.fail(`helm ${args.join(' ')}: ${stderr}${stdout}\n${await ofFarlet()}`);
  return stdout;
}

async function ofFarlet(): Promise<string> {
  const show = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await world.plane.tryKubectl(['-n', NAMESPACE, ...args]);
    return stdout + stderr;
  };
  const label = 'app.kubernetes.io/name=farlet';
  return (
    await Promise.all([
      show('get', 'pods', '-o', 'wide'),
      show('describe', 'pods', '-l', label),
      show('logs', '-l', label, '--tail=60', '--prefix'),
    ])
  ).join('\n');
}

describe('farlet installed by Helm', { concurrency: 1 }, () => {
  const e2e = useNamespace(world, { name: 'shop', node: NODE, awaitNode: false });
  const podsOfFarlet = async (): Promise<string[]> =>
    (
      await world.plane.kubectl([
        '-n',
        NAMESPACE,
        'get',
        'pods',
        '-l',
        'app.kubernetes.io/component=farlet',
        '-o',
        'name',
      ])
    )
      .split('\n')
      .filter((name) => name !== '');
  const asked = (account: string): Audited[] =>
    world.plane.audit().filter(({ user }) => user.username === account);
  const refusedOf = (requests: readonly Audited[]): string[] =>
    requests
      .filter(({ responseStatus }) => responseStatus?.code === 403)
      .map(({ verb, requestURI }) => `${verb} ${requestURI}`);
  const namesOf = async (): Promise<string[]> =>
    (await e2e.kubectl(['get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].metadata.name}']))
      .split(' ')
      .sort();
  /** Pods that are to stay as they are, whatever becomes of farlet, of each kind of controller. */
  const kept = ['web', 'db', 'agent'];
  const onNode = ['--field-selector', `spec.nodeName=${NODE}`];
  const keptPods = async (): Promise<PodSeen[]> => {
    const selected = ['-l', `app in (${kept.join(',')})`, ...onNode];
    const list = JSON.parse(await e2e.kubectl(['get', 'pods', ...selected, '-o', 'json'])) as {
      items: PodSeen[];
    };
    return list.items.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  };
  /** Which containers there are, and how often they were started; of which pods and Node. */
  const running = async (): Promise<string> => {
    const pods = (await keptPods()).map(({ metadata, status }) => {
      const containers = status.containerStatuses ?? [];
      const started = containers.map((each) => [each.containerID, each.restartCount]);
      return [metadata.name, metadata.uid, status.podIP, started];
    });
    assert.equal(pods.length, 5);
    const node = await world.plane.kubectl(['get', 'node', NODE, '-o', 'jsonpath={.metadata.uid}']);
    return JSON.stringify([node, pods], undefined, 1);
  };
  /** That, and since when pods and Node are Ready. */
  const unchanged = async (): Promise<string> => {
    const since = '{.status.conditions[?(@.type=="Ready")].lastTransitionTime}';
    const node = await world.plane.kubectl(['get', 'node', NODE, '-o', `jsonpath=${since}`]);
    const times = (await keptPods()).map(({ status }) => {
      const ready = status.conditions?.findLast(({ type }) => type === 'Ready');
      return JSON.stringify([ready?.status, ready]);
    });
    return [await running(), node, ...times].join('\n');
  };
  const watched = useWatched(world, e2e);
  /** Statuses of pods that were Ready once and then were not, though nobody deletes them. */
  const flaps = async (): Promise<string[]> =>
    (await keptPods()).flatMap(({ metadata: { name, uid } }) => {
      // not of one before that had its name
      const history = watched.history(name).filter(({ metadata }) => metadata.uid === uid);
      const isReady = ({ status }: PodSeen): boolean =>
        status.phase === 'Running' &&
        status.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') === true;
      const first = history.findIndex(isReady);
      assert.ok(first >= 0, name);
      return history.slice(first).flatMap((seen) => (isReady(seen) ? [] : [JSON.stringify(seen.status)]));
    });
  const waitRack = async (wanted: string): Promise<void> => {
    const rack = ['get', 'node', NODE, '-o', 'jsonpath={.metadata.labels.rack}'];
    await e2e.wait('the label', async () => (await world.plane.kubectl(rack)) === wanted);
  };
  /** The kubelet API of farlet's pod, by way of the API server. */
  const answers = async (): Promise<void> => {
    let last = '';
    try {
      await e2e.wait(
        'logs and exec',
        async () => {
          const [name = ''] = await namesOf();
          const said = await e2e.tryKubectl(['logs', name, '--tail=1']);
          const ran = await e2e.tryKubectl(['exec', name, '--', 'hostname']);
          last = `${said.stdout}${said.stderr}${ran.stdout}${ran.stderr}`;
          return last === `serving\n${name}\n`;
        },
        60_000,
      );
    } catch (error) {
      assert.fail(`${last}\n${await ofFarlet()}\n${String(error)}`);
    }
  };

  it('helm install: a pod of the cluster registers the node', async (t) => {
    const notes = await helm(t, ['install', RELEASE, CHART, '--wait', '--timeout', '2m'], {
      values: values(),
    });
    assert.match(notes, /kubectl get nodes edge-1/);
    assert.doesNotMatch(notes, /WARNING/);
    await e2e.wait('the node to be Ready', async () =>
      (await world.plane.tryKubectl(['get', 'node', NODE])).stdout.includes(' Ready '),
    );
    const [pod = ''] = await podsOfFarlet();
    const logs = await world.plane.kubectl(['-n', NAMESPACE, 'logs', pod]);
    assert.match(logs, /^\{"level"/);
  });

  it('a Deployment runs there: logs, exec, port-forward', async () => {
    await e2e.create(
      deployment('web', {
        node: NODE,
        replicas: 2,
        spec: {
          containers: [
            shell('echo serving; mkdir /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www'),
          ],
        },
      }),
    );
    await e2e.kubectl(['rollout', 'status', 'deployment/web', '--timeout=90s']);
    await answers();
    // as the notes say
    const overrides = JSON.stringify({ spec: { nodeName: NODE } });
    const hello = ['run', 'hello', '--image=localhost/busybox:1', `--overrides=${overrides}`];
    await e2e.kubectl([...hello, '--', 'sleep', '1d']);
    await e2e.waitReady('hello');
    assert.match(await e2e.kubectl(['exec', 'hello', '--', 'uname', '-a']), /^Linux hello /);
    const [name = ''] = await namesOf();
    const forward = spawn(
      kubernetes('kubectl')[0] ?? '',
      [
        ...kubernetes('kubectl').slice(1),
        `--kubeconfig=${world.plane.kubeconfig}`,
        '-n',
        e2e.name,
        'port-forward',
        `pod/${name}`,
        ':8080',
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    try {
      let said = '';
      forward.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      const port = await e2e.wait('the forward', () => Promise.resolve(/127\.0\.0\.1:(\d+)/.exec(said)?.[1]));
      assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), `${name}\n`);
    } finally {
      forward.kill();
    }
  });

  it('so do a StatefulSet, a DaemonSet, a Job and a CronJob', async () => {
    const selector = (name: string): object => ({ matchLabels: { app: name } });
    const ends = (command: string): object => ({ restartPolicy: 'Never', containers: [shell(command)] });
    const objects = [
      {
        ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'db' } },
        spec: { clusterIP: 'None', selector: { app: 'db' }, ports: [{ port: 80 }] },
      },
      {
        ...{ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db' } },
        spec: {
          ...{ replicas: 2, serviceName: 'db', selector: selector('db') },
          template: podTemplate('db', { node: NODE }),
        },
      },
      {
        ...{ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'agent' } },
        spec: { selector: selector('agent'), template: podTemplate('agent') },
      },
      {
        ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'once' } },
        spec: {
          ...{ completions: 2, parallelism: 2 },
          template: podTemplate('once', { node: NODE, spec: ends('echo done by $(hostname)') }),
        },
      },
      {
        ...{ apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'tick' } },
        spec: {
          schedule: '* * * * *',
          jobTemplate: {
            spec: { template: podTemplate('tick', { node: NODE, spec: ends('echo tick') }) },
          },
        },
      },
    ];
    for (const object of objects) await e2e.create(object);
    await e2e.kubectl(['rollout', 'status', 'statefulset/db', '--timeout=90s']);
    await e2e.kubectl(['rollout', 'status', 'daemonset/agent', '--timeout=90s']);
    const namesOn = async (app: string): Promise<string[]> =>
      (await keptPods()).map(({ metadata }) => metadata.name).filter((name) => name.startsWith(`${app}-`));
    assert.deepEqual(await namesOn('db'), ['db-0', 'db-1']);
    assert.equal((await namesOn('agent')).length, 1);
    const before = (await e2e.pod('db-1')).metadata.uid;
    await e2e.deletePods('db-1');
    await e2e.wait('db-1 again', async () => {
      const { stdout } = await e2e.tryKubectl(['get', 'pod', 'db-1', '-o', 'jsonpath={.metadata.uid}']);
      return stdout !== '' && stdout !== before;
    });
    await e2e.waitReady('db-1', 60_000);
    assert.equal(await e2e.sh('db-1', 'hostname'), 'db-1\n');
    await e2e.kubectl(['wait', '--for=condition=Complete', 'job/once', '--timeout=60s']);
    assert.match(await e2e.kubectl(['logs', 'job/once']), /^done by once-/);
    const last = ['get', 'cronjob', 'tick', '-o', 'jsonpath={.status.lastSuccessfulTime}'];
    await e2e.wait('a tick', async () => (await e2e.kubectl(last)) !== '', 100_000);
    await e2e.kubectl(['delete', 'cronjob', 'tick']);
  });

  it('files are copied to and fro, and its figures are known: kubectl top, an autoscaler', async () => {
    const file = `${world.folder}/copied`;
    writeFileSync(file, 'by cp\n');
    await e2e.kubectl(['cp', file, 'db-0:/tmp/copied']);
    await e2e.kubectl(['cp', 'db-0:/tmp/copied', `${file}-back`]);
    assert.equal(readFileSync(`${file}-back`, 'utf8'), 'by cp\n');
    const server = await startMetricsServer(world.plane, { folder: `${world.folder}/metrics-server` });
    world.onEnd(() => server.stop());
    const resources = { requests: { cpu: '100m', memory: '8Mi' }, limits: { cpu: '200m', memory: '64Mi' } };
    const busy = shell(`(while :; do :; done) & ${SLEEP}`, { resources });
    await e2e.create(deployment('busy', { node: NODE, replicas: 1, spec: { containers: [busy] } }));
    await e2e.create({
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'busy' },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'busy' },
        ...{ minReplicas: 1, maxReplicas: 2 },
        metrics: [
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 40 } },
          },
        ],
      },
    });
    const replicas = ['get', 'deployment', 'busy', '-o', 'jsonpath={.status.readyReplicas}'];
    await e2e.wait('a second pod', async () => (await e2e.kubectl(replicas)) === '2', 180_000);
    assert.match(await world.plane.kubectl(['top', 'node', NODE]), /^edge-1 +\d+m +\d+% +\d+Mi/m);
    assert.match(await e2e.kubectl(['top', 'pod']), /^busy-\S+ +\d+m +\d+Mi/m);
    await e2e.kubectl(['delete', 'hpa/busy', 'deployment/busy']);
  });

  it('helm test tries what the nodes need', async (t) => {
    const { code, stdout, stderr } = await runHelm(world, ['test', RELEASE, '--logs', '--timeout', '2m']);
    t.diagnostic(stdout);
    assert.equal(code, 0, stderr + stdout);
    assert.match(stdout, /^ok {4}edge-1\/box runtime/m);
    assert.match(stdout, /^ok {4}may get leases\.coordination\.k8s\.io +yes$/m);
    assert.doesNotMatch(stdout, /^(FAIL|WARN)/m);
  });

  const image = (): object => (values() as { image: object }).image;

  it('helm upgrade to another version, and rollback: the Node follows, pods stay as they are', async (t) => {
    const before = await unchanged();
    await helm(t, ['upgrade', RELEASE, CHART, '--wait', '--timeout', '2m'], {
      values: values(
        { rack: 'b7' },
        { logLevel: 'debug', check: { onStart: true }, image: { ...image(), tag: NEXT } },
      ),
    });
    const [pod = ''] = await podsOfFarlet();
    const ofPod = ['-n', NAMESPACE, 'get', pod, '-o', 'jsonpath={.spec.containers[0].image}'];
    assert.equal(await world.plane.kubectl(ofPod), `localhost/farlet:${NEXT}`);
    const checked = await world.plane.kubectl(['-n', NAMESPACE, 'logs', pod, '-c', 'check']);
    assert.match(checked, /^ok {4}edge-1\/box runtime/m);
    await waitRack('b7');
    assert.equal(await unchanged(), before);
    await answers();
    await helm(t, ['rollback', RELEASE, '1', '--wait', '--timeout', '2m']);
    await waitRack('');
    assert.equal(await unchanged(), before);
    await answers();
  });

  it('values that are wrong change nothing', async () => {
    const before = [await unchanged(), await podsOfFarlet()];
    const { code, stderr } = await runHelm(world, ['upgrade', RELEASE, CHART], {
      values: values({}, { config: { nodes: [{}] } }),
    });
    assert.equal(code, 1);
    assert.match(stderr, /config.nodes.0/);
    assert.deepEqual([await unchanged(), await podsOfFarlet()], before);
  });

  const waitReplaced = async (former: readonly string[]): Promise<void> => {
    await e2e.wait(
      'another pod',
      async () => {
        const now = await podsOfFarlet();
        return now.length === 1 && now[0] !== former[0];
      },
      60_000,
    );
    const available = ['wait', '--for=condition=Ready', '--timeout=120s', ...(await podsOfFarlet())];
    await world.plane.kubectl(['-n', NAMESPACE, ...available]);
  };

  it("farlet's pod is deleted: another takes over, and nobody sees it", async () => {
    const before = await unchanged();
    const former = await podsOfFarlet();
    await world.plane.kubectl(['-n', NAMESPACE, 'delete', '--wait=false', ...former]);
    await waitReplaced(former);
    assert.equal(await unchanged(), before);
    await answers();
  });

  it("farlet's pod is moved to another node: nobody sees it", async () => {
    const before = await unchanged();
    const former = await podsOfFarlet();
    const ofPods = ['-n', NAMESPACE, 'get', 'pods', '-l', 'app.kubernetes.io/component=farlet'];
    const at = async (): Promise<string> =>
      world.plane.kubectl([...ofPods, '-o', 'jsonpath={.items[*].spec.nodeName}']);
    const from = await at();
    await world.plane.kubectl(['cordon', from]);
    await world.plane.kubectl(['-n', NAMESPACE, 'delete', '--wait=false', ...former]);
    await waitReplaced(former);
    assert.deepEqual([from, await at()].sort(), [...NEAR]);
    await world.plane.kubectl(['uncordon', from]);
    assert.equal(await unchanged(), before);
    await answers();
  });

  it("farlet's container is killed: it goes on in the same pod, and nobody sees it", async () => {
    const before = await unchanged();
    const [pod = ''] = await podsOfFarlet();
    const status = '{.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}';
    const ofPod = ['-n', NAMESPACE, 'get', pod, '-o', `jsonpath=${status}`];
    const [id = '', restarts] = (await world.plane.kubectl(ofPod)).split(' ');
    const at = await world.plane.kubectl(['-n', NAMESPACE, 'get', pod, '-o', 'jsonpath={.spec.nodeName}']);
    await world.host(at).ctr(['tasks', 'kill', '--signal', 'SIGKILL', id.replace('containerd://', '')]);
    await e2e.wait(
      'a restart',
      async () => !(await world.plane.kubectl(ofPod)).endsWith(` ${restarts ?? ''}`),
    );
    await world.plane.kubectl(['-n', NAMESPACE, 'wait', '--for=condition=Ready', '--timeout=60s', pod]);
    assert.equal(await unchanged(), before);
    await answers();
  });

  it('in all this no status has flapped', async () => {
    assert.deepEqual(await flaps(), []);
  });

  it("farlet's pod is deleted by force: its lease is waited for, containers run on", async () => {
    const before = await running();
    const former = await podsOfFarlet();
    await world.plane.kubectl(['-n', NAMESPACE, 'delete', '--grace-period=0', '--force', ...former]);
    await waitReplaced(former);
    assert.equal(await running(), before);
    await answers();
  });

  it('is asked for its metrics by the ports that monitors name', async () => {
    const slice = [
      '-n',
      NAMESPACE,
      'get',
      'endpointslices',
      '-l',
      'app.kubernetes.io/name=farlet',
      '-o',
      'jsonpath={.items[0]}',
    ];
    const { endpoints, ports } = JSON.parse(await world.plane.kubectl(slice)) as {
      endpoints: { addresses: string[] }[];
      ports: { name: string; port: number }[];
    };
    const port = ports.find(({ name }) => name === 'metrics')?.port ?? 0;
    const answer = await fetch(`http://${endpoints[0]?.addresses[0] ?? ''}:${String(port)}/metrics`);
    assert.match(await answer.text(), /^farlet_host_up\{[^}]*\} 1$/m);
  });

  it('farlet was refused nothing, by rights that name its node alone', (t) => {
    const requests = asked(ACCOUNT);
    assert.deepEqual(refusedOf(requests), []);
    const used = requests.map(({ verb, objectRef }) => {
      const { resource = '', subresource, apiGroup = '', name } = objectRef ?? {};
      return `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}.${apiGroup} ${resource === 'nodes' || resource === 'leases' ? (name ?? '') : ''}`;
    });
    const counts = new Map<string, number>();
    for (const each of used) counts.set(each, (counts.get(each) ?? 0) + 1);
    for (const [each, count] of [...counts].sort()) t.diagnostic(`${String(count)} × ${each}`);
    assert.ok(counts.has(`update leases.coordination.k8s.io ${NODE}`), 'the audit log has its requests');
  });

  it('helm uninstall: pods run on, and Helm 3 installs it to them again', async (t) => {
    const before = await running();
    await helm(t, ['uninstall', RELEASE, '--wait', '--timeout', '2m']);
    await e2e.wait('its pod to be gone', async () => (await podsOfFarlet()).length === 0);
    await helm(t, ['install', RELEASE, CHART, '--wait', '--timeout', '2m'], { major: 3, values: values() });
    assert.equal(await running(), before);
    await answers();
  });

  it('helm uninstall with onUninstall: drain refuses what would lose something, and touches nothing', async (t) => {
    const before = await unchanged();
    await helm(t, ['upgrade', RELEASE, CHART, '--wait', '--timeout', '2m'], {
      major: 3,
      values: values(undefined, { onUninstall: 'drain', drain: { timeoutSeconds: 120 } }),
    });
    const { code, stdout, stderr } = await runHelm(world, ['uninstall', RELEASE, '--timeout', '2m']);
    assert.notEqual(code, 0);
    const said = await world.plane.kubectl(['-n', NAMESPACE, 'logs', `job/${RELEASE}-drain`]);
    assert.match(said, /node edge-1 is not drained, nothing was changed:\n +shop\/hello has no controller/);
    assert.match(stdout + stderr, /shop\/hello has no controller/);
    assert.equal(await unchanged(), before);
    const closed = ['get', 'node', NODE, '-o', 'jsonpath={.spec.unschedulable}'];
    assert.equal(await world.plane.kubectl(closed), '');
    await answers();
    await helm(t, ['rollback', RELEASE, '--wait', '--timeout', '2m']);
    assert.equal(await unchanged(), before);
  });

  it('and otherwise leaves nothing: no Node, no pod, no container, no right', async (t) => {
    await helm(t, ['upgrade', RELEASE, CHART, '--wait', '--timeout', '2m'], {
      values: values(undefined, { onUninstall: 'drain', drain: { timeoutSeconds: 120 } }),
    });
    await e2e.deletePods('hello');
    assert.notDeepEqual(await world.remote(FAR).containers(), []);
    await helm(t, ['uninstall', RELEASE, '--timeout', '3m']);
    assert.deepEqual(await world.remote(FAR).containers(), []);
    await e2e.wait('its pod to be gone', async () => (await podsOfFarlet()).length === 0);
    const node = await world.plane.tryKubectl(['get', 'node', NODE]);
    assert.match(node.stderr, /nodes "edge-1" not found/);
    const lease = ['-n', 'kube-node-lease', 'get', 'lease', NODE];
    await e2e.wait('its lease to be gone', async () =>
      (await world.plane.tryKubectl(lease)).stderr.includes('not found'),
    );
    assert.equal(await world.plane.kubectl(['get', 'pods', '-A', '-o', 'name', ...onNode]), '');
    // but the pod of helm test, which Helm keeps
    const label = `app.kubernetes.io/instance=${RELEASE},app.kubernetes.io/component!=check`;
    const left = ['-l', label, '-o', 'name'];
    const kinds = 'clusterroles,clusterrolebindings,roles,rolebindings,serviceaccounts,jobs,pods,configmaps';
    assert.equal(await world.plane.kubectl(['get', kinds, '-A', ...left]), '');
    // those of the cluster's other nodes are none of its affair
    await e2e.kubectl(['rollout', 'status', 'daemonset/agent', '--timeout=60s']);
  });

  it('the account that took it away was allowed all that it asked for, and nobody else deleted a Node', () => {
    const requests = asked(DRAIN_ACCOUNT);
    assert.ok(requests.length > 0);
    assert.deepEqual(refusedOf(requests), []);
    // no fault of farlet's can, for it may not
    const deletions = world.plane
      .audit()
      .filter(({ verb, objectRef }) => verb === 'delete' && objectRef?.resource === 'nodes');
    assert.deepEqual(
      deletions.map(({ user, objectRef }) => [user.username, objectRef?.name]),
      [[DRAIN_ACCOUNT, NODE]],
    );
  });
});
