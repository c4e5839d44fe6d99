/** Static pods with, before and without an API server, on both containerds (root, Linux). */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { onContainerds } from '../harness/containerds.ts';
import type { Farlet } from '../harness/farlet.ts';
import { askKubelet } from '../harness/kubelet-client.ts';
import { eventually } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';

const world = useWorld({
  hosts: onContainerds([
    { name: 'edge-1-6', version: '1.6' },
    { name: 'edge-2', version: '2' },
  ]),
  farlet: false,
});

interface PodJson {
  metadata: {
    name: string;
    uid: string;
    annotations: Record<string, string>;
    ownerReferences?: { kind: string; name: string; controller: boolean }[];
  };
  spec: { tolerations: { operator: string; effect: string; key?: string }[] };
  status: {
    phase: string;
    startTime?: string;
    conditions?: { type: string; status: string; lastTransitionTime?: string }[];
    containerStatuses?: { containerID?: string; restartCount: number }[];
  };
}

/** Written beside and moved, as a careful person does. */
function manifest(path: string, pod: { name: string; says: string; more?: Record<string, unknown> }): void {
  const text = `apiVersion: v1
kind: Pod
metadata:
  name: ${pod.name}
spec:
  terminationGracePeriodSeconds: 2
  containers:
  - name: c
    image: localhost/busybox:1
    command: [sh, -c, 'echo ${pod.says}; trap "sleep 1; exit 0" TERM; sleep 10000 & wait']
${pod.more === undefined ? '' : `  ${JSON.stringify(pod.more).slice(1, -1)}`}`;
  writeFileSync(`${path}.tmp`, text);
  renameSync(`${path}.tmp`, path);
}

for (const node of world.nodes) {
  describe(`static pods on ${node}`, () => {
    const manifests = `${world.folder}/manifests-${node}`;
    let farlet: Farlet;
    const log = (): Promise<string> => Promise.resolve(farlet.log());
    const wait = <T>(what: string, check: () => Promise<T | undefined | false> | T | undefined | false) =>
      eventually(what, check, { timeoutMs: 40_000, describe: log });
    /** the kubelet API as the API server calls it */
    const kubelet = async (path: string, method = 'GET'): Promise<string> => {
      const as = world.plane.kubeletClient;
      return (await askKubelet({ url: farlet.kubeletUrl(node), path, method, as })).body;
    };
    const pods = async (): Promise<PodJson[]> =>
      (JSON.parse(await kubelet('/pods')) as { items?: PodJson[] }).items ?? [];
    const runs = async (name: string): Promise<PodJson | undefined> =>
      (await pods()).find(({ metadata, status }) => metadata.name === name && status.phase === 'Running');
    const mirror = async (name: string): Promise<PodJson | undefined> => {
      const { code, stdout } = await world.plane.tryKubectl(['get', 'pod', name, '-o', 'json']);
      return code === 0 ? (JSON.parse(stdout) as PodJson) : undefined;
    };
    /** how many sandboxes and containers run */
    const tasks = async (): Promise<number> =>
      (await world.host(node).ctr(['tasks', 'ls'])).split('\n').filter((line) => line.includes('RUNNING'))
        .length;
    const start = async (withKubeconfig: boolean): Promise<void> => {
      farlet = await world.startFarlet(`farlet-${node}`, {
        hosts: [world.host(node)],
        withKubeconfig,
        // asking who may do what needs an API server: so there is nothing to ask where one may be absent
        config: { fileCheckFrequency: '2s', authorization: { mode: 'AlwaysAllow' } },
        node: () => ({ staticPodPath: manifests }),
      });
    };

    before(() => {
      mkdirSync(manifests);
    });

    it('runs without any API server: logs and exec over client certificates', async () => {
      manifest(`${manifests}/web.yaml`, { name: 'web', says: 'hello' });
      await start(false);
      const pod = await wait('the pod to run', () => runs(`web-${node}`));
      assert.equal(pod.metadata.annotations['kubernetes.io/config.source'], 'file');
      assert.equal(pod.metadata.annotations['kubernetes.io/config.hash'], pod.metadata.uid);
      assert.match(pod.metadata.uid, /^[0-9a-f]{32}$/);
      assert.ok(
        pod.spec.tolerations.some(({ operator, effect }) => operator === 'Exists' && effect === 'NoExecute'),
      );
      assert.equal(await kubelet(`/containerLogs/default/web-${node}/c`), 'hello\n');
      assert.equal(await kubelet(`/run/default/web-${node}/c?cmd=hostname`, 'POST'), `web-${node}\n`);
      assert.ok((await fetch(farlet.healthUrl)).ok);
      const { code } = await askKubelet({ url: farlet.kubeletUrl(node), path: '/pods' });
      assert.equal(code, 401, 'nobody gets in without a certificate');
    });

    it('keeps the others when one file is broken, and says which', async () => {
      writeFileSync(`${manifests}/broken.yaml`, 'apiVersion: v1\nkind: Pod\nmetadata: {name: [\n');
      writeFileSync(
        `${manifests}/secret.json`,
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'needs-api' },
          spec: { serviceAccountName: 'x', containers: [{ name: 'c', image: 'localhost/busybox:1' }] },
        }),
      );
      manifest(`${manifests}/second.yaml`, { name: 'second', says: 'two' });
      await wait('the second pod to run', () => runs(`second-${node}`));
      await wait(
        'the log to name the files',
        () =>
          farlet.log().includes('broken.yaml') &&
          farlet.log().includes('static pods may not reference serviceaccounts'),
      );
      assert.ok(await runs(`web-${node}`));
      for (const name of ['broken.yaml', 'secret.json', 'second.yaml']) rmSync(`${manifests}/${name}`);
      await wait(
        'the second pod to be gone',
        async () => (await pods()).length === 1 && (await tasks()) === 2,
      );
    });

    it('comes back to the same containers after a restart', async () => {
      const before = await runs(`web-${node}`);
      await farlet.stop('SIGKILL');
      farlet.start();
      const after = await wait('the pod to be seen', () => runs(`web-${node}`));
      assert.equal(after.metadata.uid, before?.metadata.uid);
      assert.equal(
        after.status.containerStatuses?.[0]?.containerID,
        before?.status.containerStatuses?.[0]?.containerID,
      );
      assert.equal(after.status.containerStatuses?.[0]?.restartCount, 0);
    });

    it('ends the old pod before a changed manifest starts the new one', async () => {
      const before = await runs(`web-${node}`);
      manifest(`${manifests}/web.yaml`, { name: 'web', says: 'again' });
      const after = await wait('the new pod to run', async () => {
        const pod = await runs(`web-${node}`);
        return pod?.metadata.uid === before?.metadata.uid ? undefined : pod;
      });
      assert.equal(await kubelet(`/containerLogs/default/web-${node}/c`), 'again\n');
      assert.equal(await tasks(), 2, 'one sandbox, one container');
      assert.ok(after.metadata.uid !== before?.metadata.uid);
    });

    it('registers its node and shows mirrors once there is an API server, and its pods stay', async () => {
      const before = await runs(`web-${node}`);
      await farlet.stop();
      await world.plane.stopApiServer();
      await start(true);
      const alone = await wait('the pod to be seen while the API server is down', () => runs(`web-${node}`));
      assert.equal(
        alone.status.containerStatuses?.[0]?.containerID,
        before?.status.containerStatuses?.[0]?.containerID,
      );
      assert.ok((await fetch(farlet.healthUrl)).ok);
      await world.plane.startApiServer();
      const shown = await wait('the mirror to be Running', async () => {
        const pod = await mirror(`web-${node}`);
        return pod?.status.phase === 'Running' ? pod : undefined;
      });
      assert.equal(shown.metadata.annotations['kubernetes.io/config.mirror'], alone.metadata.uid);
      assert.deepEqual(
        shown.metadata.ownerReferences?.map(
          ({ kind, name, controller }) => `${kind} ${name} ${String(controller)}`,
        ),
        [`Node ${node} true`],
      );
      assert.equal(
        shown.status.containerStatuses?.[0]?.containerID,
        alone.status.containerStatuses?.[0]?.containerID,
      );
      assert.equal(await world.plane.kubectl(['logs', `web-${node}`]), 'again\n');
      assert.equal(await world.plane.kubectl(['exec', `web-${node}`, '--', 'hostname']), `web-${node}\n`);
      // paths with a UID mean the same pod, whichever of its two they have
      for (const uid of [shown.metadata.uid, alone.metadata.uid])
        assert.equal(
          await kubelet(`/run/default/web-${node}/${uid}/c?cmd=hostname`, 'POST'),
          `web-${node}\n`,
        );
      assert.match(await kubelet(`/run/default/web-${node}/other/c?cmd=hostname`, 'POST'), /not found/);
    });

    it('makes a deleted mirror again and does not touch the pod', async () => {
      const old = await mirror(`web-${node}`);
      await world.plane.kubectl(['delete', 'pod', `web-${node}`, '--wait=false']);
      const now = await wait('another mirror', async () => {
        const pod = await mirror(`web-${node}`);
        return pod !== undefined && pod.metadata.uid !== old?.metadata.uid && pod.status.phase === 'Running'
          ? pod
          : undefined;
      });
      assert.equal(
        now.status.containerStatuses?.[0]?.containerID,
        old?.status.containerStatuses?.[0]?.containerID,
      );
    });

    it('changes nothing of the mirror over a restart', async () => {
      const get = async (): Promise<PodJson | undefined> => mirror(`web-${node}`);
      const before = await wait('the mirror to be ready', async () => {
        const pod = await get();
        return pod?.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')
          ? pod
          : undefined;
      });
      await farlet.stop('SIGKILL');
      farlet.start();
      await wait('the node to be heard of again', async () => (await pods()).length === 1);
      manifest(`${manifests}/late.yaml`, { name: 'late', says: 'late' });
      await wait('a later mirror', () => mirror(`late-${node}`));
      const after = await get();
      assert.ok(after);
      assert.deepEqual(after.status, before.status);
      assert.equal(after.metadata.uid, before.metadata.uid);
    });

    it('replaces the mirror of a changed manifest', async () => {
      const old = await mirror(`late-${node}`);
      manifest(`${manifests}/late.yaml`, { name: 'late', says: 'later' });
      await wait('a mirror of the new manifest', async () => {
        const pod = await mirror(`late-${node}`);
        return (
          pod !== undefined &&
          pod.metadata.annotations['kubernetes.io/config.mirror'] !==
            old?.metadata.annotations['kubernetes.io/config.mirror'] &&
          pod.status.phase === 'Running'
        );
      });
      assert.equal(await world.plane.kubectl(['logs', `late-${node}`]), 'later\n');
    });

    it('runs the same manifest again when it is taken away and put back', async () => {
      const before = await runs(`late-${node}`);
      const path = `${manifests}/late.yaml`;
      renameSync(path, `${world.folder}/kept-${node}`);
      await wait('the pod to be gone from the list', async () => (await pods()).length === 1);
      renameSync(`${world.folder}/kept-${node}`, path);
      const again = await wait('the pod to run in another container', async () => {
        const pod = await runs(`late-${node}`);
        const id = pod?.status.containerStatuses?.[0]?.containerID;
        return id !== undefined && id !== before?.status.containerStatuses?.[0]?.containerID
          ? pod
          : undefined;
      });
      assert.equal(again.metadata.uid, before?.metadata.uid);
    });

    it('stops everything when the files go, and leaves nothing', async () => {
      for (const name of readdirSync(manifests)) rmSync(`${manifests}/${name}`);
      await wait(
        'the mirrors to be deleted',
        async () =>
          (await mirror(`web-${node}`)) === undefined && (await mirror(`late-${node}`)) === undefined,
      );
      await wait('nothing to run', async () => (await tasks()) === 0);
    });
  });
}
