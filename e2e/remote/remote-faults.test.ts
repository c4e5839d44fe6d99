/**
 * A far host that can't be reached for a while: nothing is killed, nothing made twice, and everything goes on
 * by itself.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { emptied } from '../harness/emptied.ts';
import { kubernetes } from '../harness/cache.ts';
import { useNamespace } from '../harness/namespace.ts';
import { deployment, shell } from '../harness/pods.ts';
import { start, tail } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';

const world = useWorld({ hosts: [{ name: 'far', version: '2', link: 'ssh' }] });
const node = 'far';
/** Ignores being asked to stop. */
const STUBBORN = 'trap "" TERM; while :; do sleep 1; done';

interface ReadyCondition {
  status: string;
  reason: string;
  message: string;
}

describe('a far host', () => {
  const e2e = useNamespace(world, { name: 'remote-faults', node });
  const host = (): ReturnType<typeof world.remote> => world.remote(node);
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const ready = async (): Promise<ReadyCondition> =>
    JSON.parse(
      await world.plane.kubectl([
        'get',
        'node',
        node,
        '-o',
        'jsonpath={.status.conditions[?(@.type=="Ready")]}',
      ]),
    ) as ReadyCondition;
  const waitNode = (status: string, timeoutMs: number): Promise<ReadyCondition> =>
    e2e.wait(
      `Ready to be ${status}`,
      async () => {
        const now = await ready();
        return now.status === status ? now : undefined;
      },
      timeoutMs,
    );
  /** what must not change for a pod that nobody touches */
  const identity = async (pod: string): Promise<string> => {
    const { metadata, status } = await e2e.pod(pod);
    const container = status.containerStatuses?.[0];
    return JSON.stringify([metadata.uid, container?.containerID, container?.restartCount, status.podIP]);
  };
  const runningIds = async (): Promise<number> =>
    (await host().ctr(['tasks', 'ls'])).split('\n').filter((line) => line.includes('RUNNING')).length;

  it('loses nothing when the link is cut for ten seconds amid starts, stops, exec and a log', async () => {
    await e2e.createPod('stays', {
      containers: [shell('i=0; while :; do echo $i; i=$((i + 1)); sleep 0.5; done')],
    });
    await e2e.createPod('goes', {});
    await e2e.waitReady('stays');
    await e2e.waitReady('goes');
    const before = await identity('stays');
    const logFile = `${world.folder}/follow.log`;
    const kubectl = [...kubernetes('kubectl'), `--kubeconfig=${world.plane.kubeconfig}`, '-n', e2e.name];
    const follow = start('follow', [...kubectl, 'logs', '-f', 'stays'], { logFile });
    const sleeper = e2e.tryKubectl(['exec', 'stays', '--', 'sh', '-c', 'sleep 15; echo woke']);
    await e2e.create(deployment('crowd', { node, replicas: 4 }));
    await e2e.kubectl(['delete', 'pod', 'goes', '--wait=false']);
    await pause(300);
    await host().cutLink();
    await pause(10_000);
    await host().mendLink();
    await e2e.kubectl(['rollout', 'status', 'deployment/crowd', '--timeout=60s']);
    await e2e.wait(
      'the deleted pod to be gone',
      async () => (await e2e.tryKubectl(['get', 'pod', 'goes'])).code !== 0,
    );
    assert.equal((await sleeper).stdout, 'woke\n');
    assert.equal(await identity('stays'), before);
    const count = (): number => tail(logFile, 1000).split('\n').length;
    const seen = count();
    await e2e.wait('the log to go on', () => Promise.resolve(count() > seen + 2));
    await follow.stop();
    const lines = tail(logFile, 10_000).split('\n');
    assert.deepEqual(
      lines,
      lines.map((_, index) => String(index)),
    );
    // a container and a sandbox for each of five pods
    assert.equal(await runningIds(), 10);
  });

  it('says why the node is not ready, and ends a stop that was under way, after two minutes apart', async () => {
    await e2e.createPod('stubborn', { terminationGracePeriodSeconds: 20, containers: [shell(STUBBORN)] });
    await e2e.waitReady('stubborn');
    const before = await identity('stays');
    await e2e.kubectl(['delete', 'pod', 'stubborn', '--wait=false']);
    await pause(3_000);
    await host().cutLink();
    const began = Date.now();
    const { message } = await waitNode('False', 40_000);
    assert.match(message, /^container runtime is down: box: ssh root@10\.214\..*:22: .*(UNREACH|answer)/);
    await e2e.createPod('patient', {});
    await pause(Math.max(0, 120_000 - (Date.now() - began)));
    assert.equal((await e2e.pod('stays')).status.phase, 'Running');
    await host().mendLink();
    await waitNode('True', 40_000);
    await e2e.waitReady('patient');
    await e2e.wait(
      'the stop to end',
      async () => (await e2e.tryKubectl(['get', 'pod', 'stubborn'])).code !== 0,
      30_000,
    );
    assert.equal(await identity('stays'), before);
    assert.equal(await runningIds(), 12);
  });

  it('comes back by itself when sshd is restarted with all its sessions', async () => {
    const before = await identity('stays');
    await host().stopSshd();
    await pause(3_000);
    await host().startSshd();
    await e2e.createPod('after-sshd', {});
    await e2e.waitReady('after-sshd');
    assert.equal(await identity('stays'), before);
    assert.match(await e2e.kubectl(['logs', '--tail=1', 'stays']), /^(\d+\n)+$/);
  });

  it('shows a runtime that is down behind a link that is up', async () => {
    const before = await identity('stays');
    await host().kill();
    const { message } = await waitNode('False', 45_000);
    assert.match(message, /the runtime's socket \/run\/containerd\/containerd\.sock: .*failed/);
    await host().start();
    await waitNode('True', 30_000);
    await e2e.createPod('after-containerd', {});
    await e2e.waitReady('after-containerd');
    assert.equal(await identity('stays'), before);
  });

  it('starts its pods again after the host was rebooted', async () => {
    const { uid } = (await e2e.pod('stays')).metadata;
    const boot = async (): Promise<string> =>
      world.plane.kubectl(['get', 'node', node, '-o', 'jsonpath={.status.nodeInfo.bootID}']);
    const before = await boot();
    await host().reboot();
    await e2e.wait('the new boot id', async () => (await boot()) !== before, 60_000);
    await e2e.wait(
      'its container to be restarted',
      async () => (await e2e.container('stays'))?.restartCount === 1,
      90_000,
    );
    await e2e.waitReady('stays', 60_000);
    assert.equal((await e2e.pod('stays')).metadata.uid, uid);
  });

  it('leaves nothing behind', async () => {
    await world.plane.kubectl(['delete', 'namespace', e2e.name, '--timeout=120s']);
    await emptied(host());
    assert.equal((await host().inside(['ls', '-A', '/var/lib/farlet/pods'])).stdout, '');
  });
});
