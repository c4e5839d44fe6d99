/**
 * What answers in the API server's place, and a way to it that is cut without a word, cost no pod anything.
 */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { before, describe, it } from 'node:test';
import { startAnsweringProxy, startSwallowingWay, type AnsweringProxy } from '../harness/api-proxy.ts';
import type { Farlet } from '../harness/farlet.ts';
import { useNamespace, type Namespace } from '../harness/namespace.ts';
import { shell } from '../harness/pods.ts';
import { eventually } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';

const world = useWorld({
  farlet: false,
  hosts: [
    { name: 'answered-2', version: '2' },
    { name: 'swallowed-2', version: '2' },
  ],
});

/** As the containers of a pod are told apart: ids and restarts. */
async function identity(pods: Namespace, name: string): Promise<unknown> {
  const { metadata, status } = await pods.pod(name);
  const containers = status.containerStatuses?.map(({ containerID, restartCount }) => ({
    containerID,
    restartCount,
  }));
  return { uid: metadata.uid, phase: status.phase, ip: status.podIP, containers };
}

const expired = JSON.stringify({
  ...{ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' },
  ...{ message: 'too old resource version', reason: 'Expired', code: 410 },
});
const json = { 'content-type': 'application/json' };
const success = JSON.stringify({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  code: 200,
});
const lists: [name: string, answer: (to: ServerResponse) => unknown][] = [
  ['a redirect', (to) => to.writeHead(302, { location: 'https://login.example/' }).end()],
  ['200 and nothing', (to) => to.writeHead(200, json).end()],
  ['200 and a Status', (to) => to.writeHead(200, json).end(success)],
];

describe('something answers in the API server’s place', { concurrency: 1 }, () => {
  const node = 'answered-2';
  const pods = useNamespace(world, { name: 'e2e-answered', node, awaitNode: false });
  let proxy: AnsweringProxy;
  let farlet: Farlet;
  before(async () => {
    proxy = await startAnsweringProxy(world.plane, 'answering');
    world.onEnd(() => {
      proxy.stop();
    });
    farlet = await world.startFarlet('farlet-answered', {
      hosts: [world.host(node)],
      plane: { kubeconfig: proxy.kubeconfig, clientCa: world.plane.clientCa },
    });
    await pods.createPod('stays');
    await pods.waitReady('stays', 60_000);
  });

  /** Every watch expires, and every list is answered like this; how many were. */
  function answerLists(answer: (to: ServerResponse) => unknown): () => number {
    let count = 0;
    proxy.intercept = ({ method, url = '' }, response) => {
      if (url.includes('watch=true')) response.writeHead(410, json).end(expired);
      else if (method === 'GET' && url.includes('limit=')) {
        count += 1;
        answer(response);
      } else return false;
      return true;
    };
    proxy.breakAll();
    return () => count;
  }

  for (const [name, answer] of lists)
    it(`${name} for lists: nothing is stopped, and all goes on when it is over`, async () => {
      const earlier = await identity(pods, 'stays');
      const answered = answerLists(answer);
      await pods.wait('lists to be asked for', () => Promise.resolve(answered() >= 6), 60_000);
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      assert.deepEqual(await identity(pods, 'stays'), earlier);
      proxy.intercept = () => false;
      const after = `after-${String(lists.findIndex(([each]) => each === name))}`;
      await pods.createPod(after);
      await pods.waitReady(after, 90_000);
      assert.deepEqual(await identity(pods, 'stays'), earlier);
    });

  it('while farlet starts: pods of the former run are nobody’s orphans', async () => {
    const earlier = await identity(pods, 'stays');
    await farlet.stop();
    proxy.intercept = ({ method, url = '' }, response) => {
      if (method !== 'GET' || !(url.includes('limit=') || url.endsWith('/namespaces/kube-system')))
        return false;
      response.writeHead(200, json).end();
      return true;
    };
    farlet.start();
    await eventually('farlet to say so', () => farlet.log().includes('the answer is empty'));
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    proxy.intercept = () => false;
    await pods.createPod('after-start');
    await pods.waitReady('after-start', 90_000);
    assert.deepEqual(await identity(pods, 'stays'), earlier);
  });

  it('a 409 to the last status of a Job’s pod that is deleted: the Job counts its success', async () => {
    await pods.create({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'work' },
      spec: {
        completions: 1,
        // by default a Job takes a pod that is deleted for failed at once, whatever becomes of it
        podReplacementPolicy: 'Failed',
        template: {
          spec: {
            ...{ nodeName: node, restartPolicy: 'Never', terminationGracePeriodSeconds: 20 },
            containers: [shell('trap "exit 0" TERM; sleep 10000 & wait')],
          },
        },
      },
    });
    const own = async (): Promise<string> =>
      (await pods.kubectl(['get', 'pods', '-l', 'job-name=work', '-o', 'name'])).trim().replace('pod/', '');
    const pod = await pods.wait('the Job’s pod', async () => (await own()) || undefined);
    await pods.waitReady(pod, 60_000);
    let refused = 0;
    proxy.intercept = ({ method, url = '' }, response, body) => {
      if (refused > 0 || method !== 'PATCH' || !url.endsWith(`/pods/${pod}/status`)) return false;
      if (!body.includes('"phase":"Succeeded"')) return false;
      refused += 1;
      const message = `Operation cannot be fulfilled on pods "${pod}": the object has been modified`;
      const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message };
      response.writeHead(409, json).end(JSON.stringify({ ...status, reason: 'Conflict', code: 409 }));
      return true;
    };
    await pods.kubectl(['delete', 'pod', pod, '--wait=false']);
    await pods.wait('the Job to have succeeded', async () => {
      const text = await pods.kubectl(['get', 'job', 'work', '-o', 'jsonpath={.status.succeeded}']);
      return text === '1';
    });
    assert.equal(refused, 1);
    proxy.intercept = () => false;
  });
});

describe('a way to the API server that is cut without a word', () => {
  const node = 'swallowed-2';
  const pods = useNamespace(world, { name: 'e2e-swallowed', node, awaitNode: false });

  it('is noticed within a minute: a pod that is made meanwhile runs', async () => {
    const way = await startSwallowingWay(world.plane, 'swallowing');
    world.onEnd(() => {
      way.stop();
    });
    await world.startFarlet('farlet-swallowed', {
      hosts: [world.host(node)],
      plane: { kubeconfig: way.kubeconfig, clientCa: world.plane.clientCa },
    });
    await pods.createPod('early');
    await pods.waitReady('early', 60_000);
    const earlier = await identity(pods, 'early');
    const before = (await world.host(node).containers()).length;
    assert.ok(way.swallow() > 0);
    await pods.createPod('late');
    // by what runs there: its status may go out on a connection that is not known to be dead yet, and comes
    // 30 s later
    await pods.wait(
      'the sandbox of the pod that was made meanwhile',
      async () => (await world.host(node).containers()).length > before,
      60_000,
    );
    await pods.waitReady('late', 60_000);
    assert.deepEqual(await identity(pods, 'early'), earlier);
  });
});
