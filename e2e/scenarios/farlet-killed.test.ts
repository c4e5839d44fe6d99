/**
 * farlet is killed at many points of many pods' lives. Whatever it was doing, nothing that runs is restarted
 * or doubled, what was to end ends, and nothing is left over.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { connectCri } from '../../src/hosts/cri/connect.ts';
import { useNamespace, type ContainerStatusJson, type Namespace } from '../harness/namespace.ts';
import { shell } from '../harness/pods.ts';
import { outcome } from '../harness/processes.ts';
import { sandboxesAndContainers, type Held } from '../harness/runtime-view.ts';
import { startSlowRegistry, type SlowRegistry } from '../harness/slow-registry.ts';
import { useWorld } from '../harness/world.ts';

const world = useWorld();
const ROUNDS = 10;
const PODS_A_ROUND = 4;
/** ms after a round's changes at which farlet is killed: from before it has seen them to long after */
const KILL_AFTER = [0, 30, 80, 150, 250, 400, 650, 1_000, 1_600, 2_500];
let registry: SlowRegistry;

before(async () => {
  registry = await startSlowRegistry(`${world.folder}/registry`, { layerMs: 1_500 });
});
after(() => {
  registry.close();
});

/** What a pod's owner must never see change while it runs. */
interface Identity {
  readonly ip: string | undefined;
  readonly containers: readonly string[];
}

async function identity(namespace: Namespace, name: string): Promise<Identity> {
  const { status } = await namespace.pod(name);
  return {
    ip: status.podIP,
    containers: (status.containerStatuses ?? []).map(
      ({ name: container, containerID = '', restartCount, ready }) =>
        `${container} ${containerID} restarts=${restartCount} ready=${String(ready)}`,
    ),
  };
}

function podSpec(round: number, index: number): object {
  const volumes = [
    { name: 'cm', configMap: { name: 'settings' } },
    { name: 's', secret: { secretName: 'keys' } },
    { name: 'm', emptyDir: { medium: 'Memory' } },
    { name: 't', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
  ];
  const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/${name}` }));
  const trap = 'trap "exit 0" TERM; sleep 10000 & wait';
  const kinds = [
    { volumes, containers: [shell(trap, { volumeMounts })] },
    { containers: [shell(trap, { image: registry.image(`r${round}`), imagePullPolicy: 'Always' })] },
    {
      initContainers: [
        { ...shell('sleep 0.3'), name: 'first' },
        { ...shell('true'), name: 'second' },
      ],
      containers: [shell(trap), { ...shell(trap), name: 'd' }],
    },
    {
      terminationGracePeriodSeconds: 4,
      containers: [shell(trap, { lifecycle: { preStop: { exec: { command: ['sleep', '1'] } } } })],
    },
  ];
  return kinds[index % kinds.length] ?? {};
}

for (const node of world.nodes) {
  describe(`on ${node}`, () => {
    const namespace = useNamespace(world, { name: `restart-${node}`, node });
    const host = () => world.host(node);
    const name = (round: number, index: number): string => `p${round}-${index}`;
    const names = (round: number): string[] =>
      Array.from({ length: PODS_A_ROUND }, (_, index) => name(round, index));

    const restartFarlet = async (): Promise<void> => {
      await world.farlet.stop('SIGKILL');
      world.farlet.start();
      await namespace.wait('farlet to be healthy', async () => (await fetch(world.farlet.healthUrl)).ok);
    };

    it('changes nothing that runs, however often it is killed', async () => {
      await namespace.kubectl(['create', 'configmap', 'settings', '--from-literal=k=v']);
      await namespace.kubectl(['create', 'secret', 'generic', 'keys', '--from-literal=k=v']);
      await namespace.createPod('steady', podSpec(0, 0));
      await namespace.createPod('steady-two', podSpec(0, 2));
      await namespace.waitReady('steady');
      await namespace.waitReady('steady-two');
      const kept = ['steady', 'steady-two'];
      const before = await Promise.all(kept.map((each) => identity(namespace, each)));
      const versions = (): Promise<string> =>
        namespace.sh('steady', 'for each in cm s t; do readlink /$each/..data; done; cat /t/token');
      const written = await versions();
      for (const [round, ms] of KILL_AFTER.slice(0, ROUNDS).entries()) {
        await Promise.all(
          names(round).map((each, index) => namespace.createPod(each, podSpec(round, index))),
        );
        // the round before last is taken down at the same time: half a life under way, the other half ending
        const old = round >= 2 ? names(round - 2) : [];
        if (old.length > 0) await namespace.kubectl(['delete', 'pod', '--wait=false', ...old]);
        await new Promise((resolve) => setTimeout(resolve, ms));
        await restartFarlet();
      }
      const last = [...names(ROUNDS - 2), ...names(ROUNDS - 1)];
      for (const each of last) await namespace.waitReady(each, 90_000);
      for (let round = 0; round < ROUNDS - 2; round += 1) {
        await namespace.wait(
          `the pods of round ${round} to be gone`,
          async () => (await namespace.tryKubectl(['get', 'pod', ...names(round)])).stdout === '',
          90_000,
        );
      }
      assert.deepEqual(await Promise.all(kept.map((each) => identity(namespace, each))), before);
      assert.equal(await versions(), written);
      for (const each of last) {
        const { status } = await namespace.pod(each);
        assert.deepEqual(
          (status.containerStatuses ?? []).filter(wasRestarted),
          [],
          JSON.stringify(await namespace.events(each), undefined, 1),
        );
      }
    });

    it('runs every container once', async () => {
      const held = await sandboxesAndContainers(host().socket);
      assert.deepEqual(doubled(held), []);
    });

    it('tells of a container’s start once', async () => {
      const started = (await namespace.events('steady')).filter(({ reason }) => reason === 'Started');
      assert.equal(started.length, 1);
      assert.equal(started[0]?.count ?? 1, 1);
    });

    it('leaves nothing over', async () => {
      await namespace.kubectl(['delete', 'pod', '--all', '--wait=false']);
      await namespace.wait(
        'all pods to be gone',
        async () => (await namespace.kubectl(['get', 'pods'])) === '',
        60_000,
      );
      const isEmpty = async (): Promise<boolean> => {
        const { sandboxes, containers } = await sandboxesAndContainers(host().socket);
        return sandboxes.length + containers.length === 0;
      };
      // what then is left must be what the runtime refuses
      await namespace.wait('the host to be empty', isEmpty, 20_000).catch(() => undefined);
      assert.deepEqual(await removable(host().socket), []);
      // all tasks, those that the runtime's CRI has lost sight of included
      const tasks = (await host().ctr(['tasks', 'ls'])).split('\n').slice(1);
      assert.deepEqual(
        tasks.filter((line) => line.trim() !== '' && !line.includes('STOPPED')),
        [],
      );
      assert.deepEqual(readdirSync(`${host().folder}/farlet/pods`), []);
      assert.equal(
        (await outcome(['grep', '-c', `${host().folder}/farlet`, '/proc/self/mountinfo'])).stdout.trim(),
        '0',
      );
    });
  });
}

/**
 * A runtime gives a start up when its caller dies: then a container that never ran has an attempt to its
 * name, and the pods that are looked at saw their caller die twice at most.
 */
function wasRestarted({ restartCount, lastState }: ContainerStatusJson): boolean {
  return restartCount > 2 || (restartCount > 0 && lastState?.terminated?.reason !== 'StartError');
}

/**
 * What the runtime holds and lets go when asked. A containerd whose caller dies in the middle of a start may
 * refuse for ever to remove the container, and with it its sandbox (containerd issue 11037): then nothing of
 * it may run any more.
 */
async function removable(socket: string): Promise<string[]> {
  const { sandboxes, containers } = await sandboxesAndContainers(socket);
  const cri = connectCri({ endpoint: { target: `unix:${socket}` }, host: socket });
  const refuses = (removal: Promise<unknown>): Promise<boolean> =>
    removal.then(
      () => false,
      (error: unknown) => String(error).includes('cannot delete running task'),
    );
  try {
    const left: string[] = [];
    for (const { id, name, running } of containers)
      if (running || !(await refuses(cri.removeContainer({ container_id: id }, { timeoutMs: 10_000 }))))
        left.push(`${name} ${id}`);
    for (const { id, ready } of sandboxes)
      if (ready || !(await refuses(cri.removePodSandbox({ pod_sandbox_id: id }, { timeoutMs: 10_000 }))))
        left.push(`sandbox ${id}`);
    return left;
  } finally {
    cri.close();
  }
}

/** Pods with more than one ready sandbox, or with two live containers of one name. */
function doubled({ sandboxes, containers }: Held): string[] {
  const count = (list: readonly string[]): string[] => [
    ...new Set(list.filter((each, index) => list.indexOf(each) !== index)),
  ];
  return [
    ...count(sandboxes.filter(({ ready }) => ready).map(({ uid }) => `sandboxes of ${uid}`)),
    ...count(containers.filter(({ running }) => running).map(({ uid, name }) => `${name} of ${uid}`)),
  ];
}
