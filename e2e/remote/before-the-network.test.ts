/** A host whose network an agent has yet to make, in a pod on the host's own network. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { farNode } from '../harness/far-node.ts';
import { useNamespace } from '../harness/namespace.ts';
import { shell, SLEEP } from '../harness/pods.ts';
import { useWorld } from '../harness/world.ts';

const NODE = 'bare';
const CONFIG = '/etc/cni/net.d/10-farlet.conflist';
const tolerations = [{ operator: 'Exists' }];
const world = useWorld({ hosts: [{ name: NODE, version: '2', link: 'ssh' }], farlet: false });

describe('before the network is there', { concurrency: 1 }, () => {
  const e2e = useNamespace(world, { name: 'bare', node: NODE, awaitNode: false });
  const far = farNode(world, e2e);
  let network = '';

  before(async () => {
    const host = world.remote(NODE);
    network = readFileSync(`${host.root()}${CONFIG}`, 'utf8');
    await host.inside(['rm', CONFIG]);
    await world.startFarlet('farlet', { hosts: [host] });
    await e2e.wait('the Node', () => far.ready().then(({ status }) => status !== ''));
  });

  it('the node says so', async () => {
    const { reason, message } = await far.waitReady('False', 30_000);
    assert.equal(reason, 'KubeletNotReady');
    assert.match(
      message,
      /container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady/,
    );
  });

  it('pods wait for it, except those on the host’s network, and start once an agent has made it', async () => {
    await e2e.createPod('waits', { tolerations });
    await e2e.waitEvent(
      'waits',
      'NetworkNotReady',
      /network is not ready: container runtime network not ready/,
    );
    await e2e.createPod('agent', {
      tolerations,
      hostNetwork: true,
      volumes: [{ name: 'cni', hostPath: { path: '/etc/cni/net.d', type: 'DirectoryOrCreate' } }],
      containers: [
        shell(`until [ -e /tmp/go ]; do sleep 0.2; done; echo "$NETWORK" >/cni/10-agent.conflist; ${SLEEP}`, {
          env: [{ name: 'NETWORK', value: network }],
          volumeMounts: [{ name: 'cni', mountPath: '/cni' }],
        }),
      ],
    });
    await e2e.waitReady('agent');
    const { status } = await e2e.pod('waits');
    assert.equal(status.phase, 'Pending');
    assert.equal((await far.ready()).status, 'False');
    await e2e.kubectl(['exec', 'agent', '--', 'touch', '/tmp/go']);
    await far.waitReady('True', 30_000);
    await e2e.waitReady('waits');
    assert.match((await e2e.pod('waits')).status.podIP ?? '', /^10\.215\./);
  });
});
