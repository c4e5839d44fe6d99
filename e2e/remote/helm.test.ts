/**
 * farlet installed by its chart: from its image, as a pod of the cluster, with the chart's rights and no
 * others, over ssh to a host elsewhere; its day two does nothing to pods.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, it, type TestContext } from 'node:test';
import { kubernetes } from '../harness/cache.ts';
import {
  ACCOUNT,
  NAMESPACE,
  preparations,
  RELEASE,
  runHelm,
  startClusterNode,
  valuesFor,
} from '../harness/installed.ts';
import { useNamespace } from '../harness/namespace.ts';
import { deployment, shell } from '../harness/pods.ts';
import { useWorld } from '../harness/world.ts';

const NEAR = 'cluster-node';
const FAR = 'far';
/** registered by farlet's pod */
const NODE = 'edge-1';
const CHART = 'charts/farlet';

const world = useWorld({
  hosts: [
    { name: NEAR, version: '2' },
    { name: FAR, version: '2', link: 'ssh', user: 'operator' },
  ],
  farlet: false,
  audited: ACCOUNT,
  onUp: async (up) => {
    await startClusterNode(up, up.host(NEAR));
    for (const each of preparations(up.remote(FAR))) await up.plane.kubectl(each.split(' '));
  },
});

const values = (labels?: Readonly<Record<string, string>>, more: object = {}): object => ({
  ...valuesFor(NODE, {
    near: world.host(NEAR),
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
  const namesOf = async (): Promise<string[]> =>
    (await e2e.kubectl(['get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].metadata.name}']))
      .split(' ')
      .sort();
  /** Which containers there are, and how often they were started; of which pods and Node. */
  const running = async (): Promise<string> => {
    const pods = await Promise.all(
      (await namesOf()).map(async (name) => {
        const { metadata, status } = await e2e.pod(name);
        const containers = status.containerStatuses ?? [];
        return [metadata.uid, status.podIP, containers.map((each) => [each.containerID, each.restartCount])];
      }),
    );
    const node = await world.plane.kubectl(['get', 'node', NODE, '-o', 'jsonpath={.metadata.uid}']);
    return JSON.stringify([node, pods], undefined, 1);
  };
  /** That, and since when pods and Node are Ready. */
  const unchanged = async (): Promise<string> => {
    const since = '{.status.conditions[?(@.type=="Ready")]}';
    const path = `jsonpath={range .items[*]}${since}{"\\n"}{end}`;
    const pods = await e2e.kubectl(['get', 'pods', '-l', 'app=web', '-o', path]);
    const node = await world.plane.kubectl(['get', 'node', NODE, '-o', `jsonpath=${since}`]);
    const times = [...`${pods}${node}`.matchAll(/"(?:lastTransitionTime|status)":"([^"]+)"/g)];
    return `${await running()}\n${times.map(([, value]) => value).join(' ')}`;
  };
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

  it('helm test tries what the nodes need', async (t) => {
    const { code, stdout, stderr } = await runHelm(world, ['test', RELEASE, '--logs', '--timeout', '2m']);
    t.diagnostic(stdout);
    assert.equal(code, 0, stderr + stdout);
    assert.match(stdout, /^ok {4}edge-1\/box runtime/m);
    assert.match(stdout, /^ok {4}may get leases\.coordination\.k8s\.io +yes$/m);
    assert.doesNotMatch(stdout, /^(FAIL|WARN)/m);
  });

  it('helm upgrade and rollback: the Node follows, pods stay as they are', async (t) => {
    const before = await unchanged();
    await helm(t, ['upgrade', RELEASE, CHART, '--wait', '--timeout', '2m'], {
      values: values({ rack: 'b7' }, { logLevel: 'debug' }),
    });
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

  it("farlet's container is killed: it goes on in the same pod, and nobody sees it", async () => {
    const before = await unchanged();
    const [pod = ''] = await podsOfFarlet();
    const status = '{.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}';
    const ofPod = ['-n', NAMESPACE, 'get', pod, '-o', `jsonpath=${status}`];
    const [id = '', restarts] = (await world.plane.kubectl(ofPod)).split(' ');
    await world.host(NEAR).ctr(['tasks', 'kill', '--signal', 'SIGKILL', id.replace('containerd://', '')]);
    await e2e.wait(
      'a restart',
      async () => !(await world.plane.kubectl(ofPod)).endsWith(` ${restarts ?? ''}`),
    );
    await world.plane.kubectl(['-n', NAMESPACE, 'wait', '--for=condition=Ready', '--timeout=60s', pod]);
    assert.equal(await unchanged(), before);
    await answers();
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

  it('was refused nothing, by rights that name its node alone', (t) => {
    const requests = world.plane.audit();
    const refused = requests.filter(({ responseStatus }) => responseStatus?.code === 403);
    assert.deepEqual(
      refused.map(({ verb, requestURI }) => `${verb} ${requestURI}`),
      [],
    );
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
});
