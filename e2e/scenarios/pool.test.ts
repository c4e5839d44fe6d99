/**
 * One node over two hosts: a local one and one that is reached over ssh, or over tcp (FARLET_E2E_LINK=tcp).
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { before, describe, it } from 'node:test';
import { kubernetes } from '../harness/cache.ts';
import { startCriProxy } from '../harness/cri-proxy.ts';
import { poolHost, type Farlet } from '../harness/farlet.ts';
import { useNamespace, type EventJson, type PodJson } from '../harness/namespace.ts';
import { deployment, shell, SLEEP } from '../harness/pods.ts';
import { freePorts } from '../harness/free-ports.ts';
import { outcome, start } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';

const world = useWorld({
  farlet: false,
  hosts: [
    { name: 'near', version: '2' },
    { name: 'far', version: '1.6', link: process.env.FARLET_E2E_LINK === 'tcp' ? 'tcp' : 'ssh' },
  ],
});
const NODE = 'pool';
/** Long enough that a host that hangs is told of well before. */
const EVICTION_S = 55;
const HOST = 'farlet.dev/host';
/** as the configuration has it */
const NEAR = '192.0.2.77';
const tolerations = [{ key: 'virtual-kubelet.io/provider', operator: 'Exists' }];

interface Placed extends PodJson {
  metadata: PodJson['metadata'] & { annotations?: Record<string, string> };
}

interface NodeJson {
  metadata: { labels: Record<string, string> };
  spec: { providerID?: string; taints?: { key: string }[] };
  status: {
    addresses: { type: string; address: string }[];
    capacity: Record<string, string>;
    allocatable: Record<string, string>;
    conditions: { type: string; status: string; reason: string; message: string }[];
  };
}

interface NodeConfig {
  labels?: Record<string, string>;
  registerWithTaints?: { key: string; effect: string }[];
  hosts: Record<string, unknown>[];
}

describe('a node of several hosts', { concurrency: 1 }, () => {
  const pods = useNamespace(world, { name: 'pool', node: NODE, awaitNode: false });
  let farlet: Farlet;
  /** what RunPodSandbox on the near host waits for */
  let gate: Promise<unknown> = Promise.resolve();
  let held = 0;

  const pod = async (name: string): Promise<Placed> => await pods.pod(name);
  const hostOf = async (name: string): Promise<string | undefined> =>
    (await pod(name)).metadata.annotations?.[HOST];
  const listed = async (selector: string): Promise<Placed[]> =>
    (JSON.parse(await pods.kubectl(['get', 'pods', '-l', selector, '-o', 'json'])) as { items: Placed[] })
      .items;
  const node = async (): Promise<NodeJson> =>
    JSON.parse(await world.plane.kubectl(['get', 'node', NODE, '-o', 'json'])) as NodeJson;
  const condition = async (type: string): Promise<NodeJson['status']['conditions'][number] | undefined> =>
    (await node()).status.conditions.find((each) => each.type === type);
  const isReady = ({ status }: PodJson): boolean =>
    status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
  /** all four of the Deployment are ready on this host */
  const waitMoved = (host: string): Promise<unknown> =>
    pods.wait(
      'the pods to have moved',
      async () => {
        const now = await listed('app=moves');
        return (
          now.length === 4 && now.every((each) => each.metadata.annotations?.[HOST] === host && isReady(each))
        );
      },
      60_000,
    );
  /** ids of sandboxes and containers that a host has of a pod */
  const onHost = async (host: string, uid: string): Promise<string[]> =>
    (await world.host(host).ctr(['containers', 'ls', '-q', `labels."io.kubernetes.pod.uid"==${uid}`]))
      .split('\n')
      .filter((id) => id !== '');
  const kubectl = (): string[] => [
    ...kubernetes('kubectl'),
    `--kubeconfig=${world.plane.kubeconfig}`,
    '-n',
    pods.name,
  ];
  const nodeEvent = async (reason: string, message: RegExp): Promise<void> => {
    const args = [
      'get',
      'events',
      '-n',
      'default',
      '-o',
      'json',
      `--field-selector=involvedObject.name=${NODE}`,
    ];
    await pods.wait(`event ${reason} of the node`, async () =>
      (JSON.parse(await world.plane.kubectl(args)) as { items: EventJson[] }).items.some(
        (event) => event.reason === reason && message.test(event.message),
      ),
    );
  };
  const waitRolledOut = (name: string): Promise<string> =>
    pods.kubectl(['rollout', 'status', `deployment/${name}`, '--timeout=60s']);
  /** what must not change for pods that nobody touches */
  const identities = async (of: readonly Placed[]): Promise<unknown> =>
    Promise.all(
      of.map(async ({ metadata: { name } }) => {
        const { metadata, status } = await pod(name);
        const containers = status.containerStatuses?.map(({ containerID, restartCount }) => [
          containerID,
          restartCount,
        ]);
        return [metadata.uid, metadata.annotations?.[HOST], containers, status.podIP];
      }),
    );
  /** Each runs once where the API server says, and the other host has nothing of it. */
  const assertNoneTwice = async (of: readonly Placed[]): Promise<void> => {
    for (const { metadata } of of) {
      const home = metadata.annotations?.[HOST] ?? '';
      for (const host of ['near', 'far']) {
        const ids = await onHost(host, metadata.uid);
        if (host !== home) assert.deepEqual(ids, [], `${metadata.name} on ${host}`);
        else {
          const tasks = (await world.host(host).ctr(['tasks', 'ls'])).split('\n');
          const running = tasks.filter(
            (line) => line.includes('RUNNING') && ids.some((id) => line.startsWith(id)),
          );
          // a sandbox and a container
          assert.equal(running.length, 2, `${metadata.name} on ${host}: ${running.join(', ')}`);
        }
      }
    }
  };
  /** Changes the configuration of the node's hosts, which farlet takes over while it runs. */
  const configure = (change: (node: NodeConfig) => void): void => {
    const config = JSON.parse(readFileSync(farlet.configFile, 'utf8')) as { nodes: [NodeConfig] };
    change(config.nodes[0]);
    writeFileSync(farlet.configFile, JSON.stringify(config, undefined, 2));
  };

  before(async () => {
    const near = world.host('near');
    const proxy = await startCriProxy({
      listener: { socket: `${world.folder}/near-proxy.sock` },
      upstream: near.socket,
      wanted: () => false,
      onCall: () => undefined,
      hold: async (call) => {
        if (call !== 'RunPodSandbox') return;
        held += 1;
        await gate;
      },
    });
    world.onEnd(() => {
      proxy.stop();
    });
    const { address, cgroupRoot } = near;
    const box = { name: NODE, endpoint: proxy.endpoint, folder: near.folder, address, cgroupRoot };
    farlet = await world.startFarlet('farlet', {
      hosts: [box],
      // both hosts have this machine's cgroups, where each would take the other's for leftovers
      config: { cgroupsPerQOS: false, enforceNodeAllocatable: [], podEvictionTimeout: `${EVICTION_S}s` },
      node: () => ({ hosts: [{ ...poolHost(box), name: 'near', address: NEAR }] }),
    });
    await pods.wait('the node to be Ready', async () => (await condition('Ready'))?.status === 'True');
  });

  it('comes by a second host, and what runs on the first stays', async () => {
    await pods.createPod('early');
    await pods.waitReady('early');
    assert.equal(await hostOf('early'), undefined);
    const before = (await pod('early')).status.containerStatuses;
    configure(({ hosts }) => {
      // first, so that what is judged by order would choose it
      hosts.unshift(poolHost(world.host('far')));
    });
    await pods.wait('the pod to be placed', async () => (await hostOf('early')) === 'near');
    await pods.wait(
      'both hosts to be ready',
      async () => (await condition('farlet.dev/HostsReady'))?.status === 'True',
    );
    await pods.waitReady('early');
    assert.deepEqual((await pod('early')).status.containerStatuses, before);
    await assertNoneTwice([await pod('early')]);
  });

  it('has the labels and taints of its configuration for as long as they are there, and an identity', async () => {
    const restart = async (change: (node: NodeConfig) => void): Promise<void> => {
      await farlet.stop();
      configure(change);
      farlet.start();
    };
    const { spec } = await node();
    const cluster = (await world.client.get<PodJson>('/api/v1/namespaces/kube-system')).metadata.uid;
    assert.equal(spec.providerID, `farlet://${cluster}/${NODE}`);
    await world.plane.kubectl(['label', 'node', NODE, 'theirs=x']);
    await restart((config) => {
      config.labels = { zone: 'a' };
      config.registerWithTaints = [{ key: 'extra', effect: 'PreferNoSchedule' }];
    });
    const taints = (of: NodeJson): string[] => (of.spec.taints ?? []).map(({ key }) => key);
    await pods.wait('the label and the taint', async () => {
      const now = await node();
      const [had, has] = ['virtual-kubelet.io/provider', 'extra'].map((key) => taints(now).includes(key));
      return now.metadata.labels.zone === 'a' && has === true && had === false;
    });
    await restart((config) => {
      delete config.labels;
      delete config.registerWithTaints;
    });
    await pods.wait('them to be gone', async () => {
      const now = await node();
      return now.metadata.labels.zone === undefined && !taints(now).includes('extra');
    });
    const last = await node();
    assert.ok(taints(last).includes('virtual-kubelet.io/provider'));
    assert.equal(last.metadata.labels.theirs, 'x');
    assert.equal(last.spec.providerID, spec.providerID);
  });

  it('has pods that are where their host is, and says where its hosts are', async () => {
    const places = [
      ['near', NEAR],
      ['far', world.host('far').address],
    ] as const;
    for (const [host, address] of places) {
      const name = `on-${host}`;
      await pods.createPod(name, { nodeSelector: { [HOST]: host }, hostNetwork: true });
      await pods.waitReady(name);
      const { hostIP, podIP } = (await pod(name)).status;
      assert.deepEqual([hostIP, podIP], [address, address]);
    }
    await pods.deletePods('on-near', 'on-far');
    assert.deepEqual(
      (await node()).status.addresses.map(({ type, address }) => `${type} ${address}`).sort(),
      [
        `ExternalIP ${NEAR}`,
        `ExternalIP ${world.host('far').address}`,
        `Hostname ${NODE}`,
        'InternalIP 127.0.0.1',
      ].sort(),
    );
  });

  it('is as large as its hosts together, and shows how they can be chosen', async () => {
    const { metadata, status } = await node();
    const memory = Number(/MemTotal: +(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]);
    assert.equal(status.capacity.cpu, String(2 * cpus().length));
    assert.equal(status.capacity.memory, `${2 * memory}Ki`);
    assert.equal(status.capacity.pods, '220');
    assert.equal(status.allocatable.cpu, status.capacity.cpu);
    assert.equal(metadata.labels['host.farlet.dev/near'], 'true');
    assert.equal(metadata.labels['host.farlet.dev/far'], 'true');
    assert.equal(metadata.labels[HOST], undefined);
  });

  it('is looked at by farlet check: every host, and what pools must be allowed', async () => {
    const { code, stdout } = await outcome([
      process.execPath,
      'dist/main.js',
      'check',
      '--config',
      farlet.configFile,
      '--kubeconfig',
      world.plane.kubeconfig,
    ]);
    assert.equal(code, 0, stdout);
    for (const what of ['pool/near runtime', 'pool/far runtime', 'may watch nodes'])
      assert.match(stdout, new RegExp(`^ok {4}${what} `, 'm'));
    assert.match(stdout, /^ok {4}may create pods\/eviction +yes$/m);
  });

  it('stores where a pod goes before the runtime hears of it, and keeps to that when it is killed in between', async () => {
    const { resolve: open, promise } = Promise.withResolvers<undefined>();
    const before = [await pod('early')];
    const same = await identities(before);
    gate = promise;
    held = 0;
    try {
      await pods.createPod('between', { nodeSelector: { [HOST]: 'near' } });
      await pods.wait('the sandbox to be asked for', () => Promise.resolve(held > 0));
      const { metadata } = await pod('between');
      assert.equal(metadata.annotations?.[HOST], 'near');
      assert.deepEqual([await onHost('near', metadata.uid), await onHost('far', metadata.uid)], [[], []]);
      await farlet.stop('SIGKILL');
    } finally {
      open(undefined);
    }
    farlet.start();
    await pods.waitReady('between');
    await assertNoneTwice([await pod('between'), ...before]);
    assert.deepEqual(await identities(before), same);
  });

  it('is killed amid a burst: each pod runs once, where it was placed', async () => {
    await pods.create(deployment('burst', { node: NODE, replicas: 8, spec: { tolerations } }));
    await pods.wait('the first to be placed', async () =>
      (await listed('app=burst')).some(({ metadata }) => metadata.annotations?.[HOST] !== undefined),
    );
    await farlet.stop('SIGKILL');
    const placed = (await listed('app=burst')).flatMap(({ metadata: { uid, annotations } }) =>
      annotations?.[HOST] === undefined ? [] : [[uid, annotations[HOST]]],
    );
    farlet.start();
    await waitRolledOut('burst');
    const all = await listed('app=burst');
    assert.equal(all.length, 8);
    for (const [uid, host] of placed)
      assert.equal(all.find(({ metadata }) => metadata.uid === uid)?.metadata.annotations?.[HOST], host);
    await assertNoneTwice(all);
    assert.deepEqual(
      all.flatMap(({ status }) => status.containerStatuses?.map(({ restartCount }) => restartCount)),
      all.map(() => 0),
    );
  });

  it('spreads the pods of a controller, and leads those that choose to the host of their choice', async () => {
    const hosts = (await listed('app=burst')).map(({ metadata }) => metadata.annotations?.[HOST]);
    assert.deepEqual(hosts.sort(), [...Array<string>(4).fill('far'), ...Array<string>(4).fill('near')]);
    const chosen = { nodeSelector: { 'host.farlet.dev/far': 'true' }, tolerations };
    await pods.create(deployment('chosen', { node: NODE, replicas: 3, spec: chosen }));
    await waitRolledOut('chosen');
    assert.deepEqual(
      (await listed('app=chosen')).map(({ metadata }) => metadata.annotations?.[HOST]),
      ['far', 'far', 'far'],
    );
    await pods.createPod('nowhere', { nodeSelector: { [HOST]: 'elsewhere' } });
    const { status } = await pods.wait('the pod that chooses no host to be refused', async () => {
      const found = await pod('nowhere');
      return found.status.phase === 'Failed' ? found : undefined;
    });
    assert.equal(status.reason, 'NodeAffinity');
    await pods.kubectl(['delete', 'deployment', 'burst', 'chosen']);
    await pods.kubectl(['delete', 'pod', 'nowhere', 'between']);
    await pods.kubectl(['wait', '--for=delete', 'pod', '--all', '-l', 'app', '--timeout=60s']);
  });

  for (const [resource, reason, amount] of [
    ['cpu', 'OutOfcpu', String(cpus().length + 0.5)],
    ['memory', 'OutOfmemory', undefined],
  ] as const)
    it(`refuses a pod that fits the sum of ${resource} and no host`, async () => {
      const { allocatable } = (await node()).status;
      const more = amount ?? `${Math.round(parseInt(allocatable.memory ?? '', 10) * 0.6)}Ki`;
      await pods.create({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: `large-${resource}` },
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': NODE },
          tolerations,
          containers: [shell(SLEEP, { resources: { requests: { [resource]: more } } })],
        },
      });
      const { status } = await pods.wait('the pod to be refused', async () => {
        const found = await pod(`large-${resource}`);
        return found.status.phase === 'Failed' ? found : undefined;
      });
      assert.equal(status.reason, reason);
      assert.match(
        status.message ?? '',
        /no single host of the node can take the pod, whatever their sum: far: .*; near: /,
      );
      await pods.waitEvent(`large-${resource}`, reason, 'no single host');
      await pods.kubectl(['delete', 'pod', `large-${resource}`]);
    });

  it('is entered as any node: logs, exec and port-forward reach pods on either host', async () => {
    for (const host of ['near', 'far']) {
      const name = `talks-${host}`;
      const serve = `mkdir /www; hostname > /www/index.html; echo hello from ${host}; exec httpd -f -p 8080 -h /www`;
      await pods.createPod(name, { nodeSelector: { [HOST]: host }, containers: [shell(serve)] });
      await pods.waitReady(name);
      assert.equal(await hostOf(name), host);
      assert.equal(await pods.kubectl(['logs', name]), `hello from ${host}\n`);
      assert.equal(await pods.kubectl(['exec', name, '--', 'hostname']), `${name}\n`);
      const [port = 0] = await freePorts(1);
      const forward = start('port-forward', [...kubectl(), 'port-forward', name, `${port}:8080`], {
        logFile: `${world.folder}/forward-${host}.log`,
      });
      try {
        const page = await pods.wait('an answer', async () =>
          (await fetch(`http://127.0.0.1:${port}/`)).text(),
        );
        assert.equal(page, `${name}\n`);
      } finally {
        await forward.stop();
      }
    }
    await pods.kubectl(['delete', 'pod', 'talks-near', 'talks-far']);
  });

  it('marks the pods of a host that hangs, and no others, and runs new ones on the rest', async () => {
    await pods.createPod('stays', { nodeSelector: { [HOST]: 'far' } });
    await pods.waitReady('stays');
    const same = await identities([await pod('early'), await pod('stays')]);
    const { allocatable } = (await node()).status;
    process.kill(world.host('near').pid(), 'SIGSTOP');
    try {
      const why = await pods.wait(
        'the host to be lost',
        async () => {
          const found = await condition('farlet.dev/HostsReady');
          return found?.status === 'False' ? found : undefined;
        },
        45_000,
      );
      assert.equal(why.reason, 'HostNotReady');
      assert.match(why.message, /^host near: container runtime is down: /);
      assert.equal((await condition('Ready'))?.status, 'True');
      await pods.wait('its pod to be marked', async () => !isReady(await pod('early')));
      const marked = (await pod('early')).status.conditions?.find(({ type }) => type === 'Ready');
      assert.equal(marked?.reason, 'HostLost');
      assert.match(marked.message ?? '', /^host near of the node does not answer: /);
      await pods.waitEvent('early', 'HostLost', 'host near of the node does not answer');
      await nodeEvent('HostNotReady', /^host near: /);
      assert.equal(isReady(await pod('stays')), true);
      await pods.createPod('newcomer');
      await pods.waitReady('newcomer', 10_000);
      assert.equal(await hostOf('newcomer'), 'far');
      await pods.createPod('patient', { nodeSelector: { [HOST]: 'near' } });
      await pods.waitEvent('patient', 'HostNotReady', 'host near does not answer');
      assert.notEqual((await node()).status.allocatable.pods, allocatable.pods);
    } finally {
      process.kill(world.host('near').pid(), 'SIGCONT');
    }
    await pods.waitReady('early');
    await pods.waitReady('patient');
    await pods.wait(
      'both hosts to be ready',
      async () => (await condition('farlet.dev/HostsReady'))?.status === 'True',
    );
    assert.deepEqual(await identities([await pod('early'), await pod('stays')]), same);
    await assertNoneTwice([await pod('early'), await pod('stays'), await pod('patient')]);
    assert.deepEqual((await node()).status.allocatable, allocatable);
    await pods.kubectl(['delete', 'pod', 'newcomer', 'patient']);
  });

  it('starts while a host is away: the others work, and it joins them when it is back', async () => {
    const same = await identities([await pod('early'), await pod('stays')]);
    await farlet.stop();
    await world.host('near').kill();
    farlet.start();
    await pods.createPod('meanwhile');
    await pods.waitReady('meanwhile');
    assert.equal(await hostOf('meanwhile'), 'far');
    assert.equal((await condition('Ready'))?.status, 'True');
    assert.match((await condition('farlet.dev/HostsReady'))?.message ?? '', /^host near: /);
    await world.host('near').start();
    await pods.wait(
      'both hosts to be ready',
      async () => (await condition('farlet.dev/HostsReady'))?.status === 'True',
    );
    await pods.createPod('afterwards', { nodeSelector: { [HOST]: 'near' } });
    await pods.waitReady('afterwards');
    assert.deepEqual(await identities([await pod('early'), await pod('stays')]), same);
    await assertNoneTwice([await pod('early'), await pod('stays')]);
    await pods.kubectl(['delete', 'pod', 'meanwhile', 'afterwards']);
  });

  it('has the pods of a host that is lost for long replaced on another, and clears up when it is back', async () => {
    await pods.create(deployment('moves', { node: NODE, replicas: 4, spec: { tolerations } }));
    await waitRolledOut('moves');
    const before = await listed('app=moves');
    const there = before.filter(({ metadata }) => metadata.annotations?.[HOST] === 'far');
    assert.equal(there.length, 2);
    // one that nothing replaces, and one that is never evicted, as those of a DaemonSet
    await pods.createPod('daemon', {
      nodeSelector: { [HOST]: 'far' },
      tolerations: [{ operator: 'Exists' }],
    });
    await pods.waitReady('daemon');
    const same = await identities([await pod('early'), await pod('daemon')]);
    await world.remote('far').cutLink();
    try {
      await pods.wait(
        'its pods to be deleted',
        async () =>
          (await Promise.all(there.map(({ metadata }) => pod(metadata.name)))).every(
            ({ metadata }) => metadata.deletionTimestamp !== undefined,
          ),
        (EVICTION_S + 20) * 1000,
      );
      await pods.waitEvent(
        there[0]?.metadata.name ?? '',
        'HostLostEviction',
        /deleted so that it is replaced: host far has not answered for \d+s/,
      );
      await waitRolledOut('moves');
      const now = (await listed('app=moves')).filter(
        ({ metadata }) => metadata.deletionTimestamp === undefined,
      );
      assert.deepEqual(
        now.map(({ metadata, status }) => [metadata.annotations?.[HOST], status.phase]),
        Array<string[]>(4).fill(['near', 'Running']),
      );
      assert.notEqual((await pod('stays')).metadata.deletionTimestamp, undefined);
      assert.equal((await pod('daemon')).metadata.deletionTimestamp, undefined);
      assert.equal(isReady(await pod('daemon')), false);
      assert.equal((await condition('Ready'))?.status, 'True');
    } finally {
      await world.remote('far').mendLink();
    }
    await pods.wait(
      'those that were evicted to be gone',
      async () =>
        (await listed('app=moves')).length === 4 &&
        (await pods.tryKubectl(['get', 'pod', 'stays'])).code !== 0,
      60_000,
    );
    await pods.waitReady('daemon');
    assert.deepEqual(await identities([await pod('early'), await pod('daemon')]), same);
    await pods.wait('nothing of them to be left on the host', async () => {
      const left = await Promise.all(there.map(({ metadata }) => onHost('far', metadata.uid)));
      return left.every((ids) => ids.length === 0);
    });
    await assertNoneTwice([...(await listed('app=moves')), await pod('early'), await pod('daemon')]);
  });

  it('drains a host that an annotation names, and fills it again when that goes', async () => {
    await pods.kubectl(['delete', 'pod', 'daemon']);
    await pods.kubectl(['annotate', 'node', NODE, 'farlet.dev/drain=near']);
    await waitMoved('far');
    await pods.wait(
      'a pod that nothing replaces to be gone',
      async () => (await pods.tryKubectl(['get', 'pod', 'early'])).code !== 0,
    );
    assert.equal((await condition('farlet.dev/HostsReady'))?.status, 'True');
    await pods.createPod('chooses-drained', { nodeSelector: { [HOST]: 'near' } });
    await pods.waitEvent(
      'chooses-drained',
      'HostNotReady',
      'can not be placed yet: host near is being drained',
    );
    await pods.kubectl(['annotate', 'node', NODE, 'farlet.dev/drain-']);
    await pods.waitReady('chooses-drained');
    assert.equal(await hostOf('chooses-drained'), 'near');
    await pods.createPod('fills');
    await pods.waitReady('fills');
    assert.equal(await hostOf('fills'), 'near');
    await pods.kubectl(['delete', 'pod', 'chooses-drained', 'fills']);
  });

  it('drains a host that the configuration says so of, as far as a disruption budget lets it', async () => {
    await pods.create({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'keep' },
      spec: { minAvailable: 4, selector: { matchLabels: { app: 'moves' } } },
    });
    await pods.wait(
      'the budget to count',
      async () =>
        (await pods.kubectl(['get', 'pdb', 'keep', '-o', 'jsonpath={.status.currentHealthy}'])) === '4',
    );
    const before = await identities(await listed('app=moves'));
    const whole = readFileSync(farlet.configFile, 'utf8');
    configure((of) => {
      of.hosts = of.hosts.filter(({ name }) => name === 'near');
    });
    await pods.wait('the reason why it stays', () =>
      Promise.resolve(farlet.log(500).includes('host far still has pods')),
    );
    writeFileSync(farlet.configFile, whole);
    configure(({ hosts }) => {
      for (const host of hosts) host.drain = host.name === 'far';
    });
    await pods.wait('it to be drained', () =>
      Promise.resolve(farlet.log(500).split('host far still has pods')[1]?.includes('relabel-node') === true),
    );
    await pods.createPod('avoids');
    await pods.waitReady('avoids');
    assert.equal(await hostOf('avoids'), 'near');
    await pods.waitEvent(
      (await listed('app=moves'))[0]?.metadata.name ?? '',
      'HostEvictionFailed',
      /could not be moved off its host far: Cannot evict pod as it would violate the pod's disruption budget/,
    );
    assert.deepEqual(await identities(await listed('app=moves')), before);
    await pods.kubectl(['delete', 'pdb', 'keep']);
    await waitMoved('near');
    await pods.kubectl(['delete', 'pod', 'avoids']);
  });

  it('goes on with one host when the other is taken out of the configuration', async () => {
    const same = await identities(await listed('app=moves'));
    configure((of) => {
      of.hosts = of.hosts.filter(({ name }) => name === 'near');
    });
    await pods.wait('the label of the other to be gone', async () => {
      const { labels } = (await node()).metadata;
      return labels['host.farlet.dev/far'] === undefined && labels['host.farlet.dev/near'] === undefined;
    });
    await pods.createPod('alone');
    await pods.waitReady('alone');
    assert.equal(await hostOf('alone'), undefined);
    assert.deepEqual(await identities(await listed('app=moves')), same);
    await pods.kubectl(['delete', 'deployment', 'moves']);
    await pods.kubectl(['delete', 'pod', '--all']);
    await pods.wait(
      'nothing to be left on either host',
      async () =>
        (await pods.kubectl(['get', 'pods', '-o', 'name'])) === '' &&
        (await world.host('near').containers()).length === 0 &&
        // the pod by which farlet works on a host on tcp is none of the node's
        (await world.host('far').ctr(['containers', 'ls', '-q', `labels."farlet.dev/helper"!=${NODE}`])) ===
          '',
      60_000,
    );
  });
});
