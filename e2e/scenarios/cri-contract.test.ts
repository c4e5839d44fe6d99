/**
 * What farlet relies on in a runtime: the same tests for containerd 1.6, containerd 2 and the fake that
 * stands in for them.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { connectCri } from '../../src/hosts/cri/connect.ts';
import type { CriClient } from '../../src/hosts/cri/calls.ts';
import { kindOf } from '../../src/model/errors.ts';
import { startFakeRuntime } from '../fakes/runtime.ts';
import { startHost } from '../harness/host.ts';
import { IMAGE, SLEEP } from '../harness/pods.ts';
import { eventually } from '../harness/processes.ts';

interface Runtime {
  readonly socket: string;
  stop(): Promise<void>;
}
const folder = mkdtempSync('/tmp/farlet-cri-');
const runtimes: { name: string; hasEvents: boolean; start: () => Promise<Runtime> }[] = [
  {
    name: 'containerd 1.6',
    hasEvents: false,
    start: () => startHost({ name: 'one', version: '1.6', folder: `${folder}/1.6` }),
  },
  {
    name: 'containerd 2',
    hasEvents: true,
    start: () => startHost({ name: 'two', version: '2', folder: `${folder}/2` }),
  },
  ...[true, false].map((containerEvents) => ({
    name: containerEvents ? 'the fake' : 'the fake without container events',
    hasEvents: containerEvents,
    start: async () => {
      const at = `${folder}/fake-${String(containerEvents)}`;
      const fake = await startFakeRuntime({ socket: `${at}/cri.sock`, folder: at, containerEvents });
      return { socket: fake.socket, stop: () => fake.close() };
    },
  })),
];
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

for (const { name, hasEvents, start } of runtimes) {
  describe(name, () => {
    let runtime: Runtime;
    let cri: CriClient;
    before(async () => {
      runtime = await start();
      cri = connectCri({ endpoint: { target: `unix:${runtime.socket}` }, host: name });
    });
    after(async () => {
      cri.close();
      await runtime.stop();
    });
    const sandboxConfig = (uid: string, attempt = 0): object => {
      const logs = `${folder}/logs/${name.replaceAll(' ', '-')}/${uid}`;
      mkdirSync(logs, { recursive: true });
      return {
        metadata: { name: uid, uid, namespace: 'default', attempt },
        labels: { pod: uid },
        annotations: { note: 'kept' },
        log_directory: logs,
        linux: {},
      };
    };
    const run = async (uid: string, attempt = 0): Promise<string> =>
      (await cri.runPodSandbox({ config: sandboxConfig(uid, attempt) })).pod_sandbox_id;
    const create = async (sandbox: string, uid: string, attempt = 0): Promise<string> =>
      (
        await cri.createContainer({
          pod_sandbox_id: sandbox,
          sandbox_config: sandboxConfig(uid),
          config: {
            metadata: { name: 'c', attempt },
            image: { image: IMAGE, user_specified_image: IMAGE },
            command: ['sh', '-c', SLEEP],
            labels: { pod: uid },
            annotations: { hash: 'abc' },
            log_path: `c/${attempt}.log`,
            linux: {},
          },
        })
      ).container_id;
    const stateOf = async (id: string): Promise<string | undefined> =>
      (await cri.containerStatus({ container_id: id })).status?.state;

    it('tells its name and that it is ready', async () => {
      assert.notEqual((await cri.version({})).runtime_name, '');
      // CNI is read a moment after the socket answers
      await eventually('both conditions to hold', async () => {
        const { status } = await cri.status({});
        return ['NetworkReady', 'RuntimeReady'].every((type) =>
          status?.conditions.some((each) => each.type === type && each.status),
        );
      });
    });

    it('runs a sandbox, shows it by its labels, and takes it down as often as asked', async () => {
      const id = await run('alone');
      const { status } = await cri.podSandboxStatus({ pod_sandbox_id: id });
      assert.match(status?.network?.ip ?? '', /^10\./);
      assert.deepEqual([status?.labels, status?.annotations.note], [{ pod: 'alone' }, 'kept']);
      const listed = async (pod: string): Promise<string[]> =>
        (await cri.listPodSandbox({ filter: { label_selector: { pod } } })).items.map(
          ({ id: each, state }) => `${each} ${state}`,
        );
      assert.deepEqual(await listed('alone'), [`${id} SANDBOX_READY`]);
      assert.deepEqual(await listed('nobody'), []);
      await cri.stopPodSandbox({ pod_sandbox_id: id });
      await cri.stopPodSandbox({ pod_sandbox_id: id });
      assert.deepEqual(await listed('alone'), [`${id} SANDBOX_NOTREADY`]);
      await cri.removePodSandbox({ pod_sandbox_id: id });
      await cri.removePodSandbox({ pod_sandbox_id: id });
      assert.deepEqual(await listed('alone'), []);
    });

    it('refuses a second sandbox of the same name and attempt', async () => {
      const id = await run('twice');
      await assert.rejects(run('twice'), /reserve/);
      await cri.removePodSandbox({ pod_sandbox_id: id });
    });

    it('takes a container from created to running to exited to gone', async () => {
      const sandbox = await run('life');
      const id = await create(sandbox, 'life');
      assert.equal(await stateOf(id), 'CONTAINER_CREATED');
      await cri.startContainer({ container_id: id });
      const { status } = await cri.containerStatus({ container_id: id });
      assert.equal(status?.state, 'CONTAINER_RUNNING');
      assert.deepEqual([status.labels, status.annotations.hash], [{ pod: 'life' }, 'abc']);
      assert.equal(status.metadata?.attempt, 0);
      assert.equal(readFileSync(status.log_path, 'utf8'), '');
      await cri.stopContainer({ container_id: id, timeout: 10 });
      const stopped = (await cri.containerStatus({ container_id: id })).status;
      assert.deepEqual(
        [stopped?.state, stopped?.exit_code, stopped?.reason],
        ['CONTAINER_EXITED', 0, 'Completed'],
      );
      await cri.stopContainer({ container_id: id, timeout: 10 });
      await assert.rejects(create(sandbox, 'life'), /reserve/);
      await create(sandbox, 'life', 1);
      await cri.removeContainer({ container_id: id });
      await cri.removeContainer({ container_id: id });
      await assert.rejects(stateOf(id), (error) => kindOf(error) === 'not-found');
      await cri.stopPodSandbox({ pod_sandbox_id: sandbox });
      await cri.removePodSandbox({ pod_sandbox_id: sandbox });
      const left = await cri.listContainers({ filter: { label_selector: { pod: 'life' } } });
      assert.deepEqual(left.containers, []);
    });

    it('stops what runs in a sandbox that is stopped', async () => {
      const sandbox = await run('stopped');
      const id = await create(sandbox, 'stopped');
      await cri.startContainer({ container_id: id });
      await cri.stopPodSandbox({ pod_sandbox_id: sandbox });
      assert.equal(await stateOf(id), 'CONTAINER_EXITED');
      await cri.removePodSandbox({ pod_sandbox_id: sandbox });
    });

    it('says what it does not know by kind', async () => {
      await assert.rejects(
        cri.podSandboxStatus({ pod_sandbox_id: 'none' }),
        (error) => kindOf(error) === 'not-found',
      );
      await assert.rejects(
        run('handler').then(() =>
          cri.runPodSandbox({ config: sandboxConfig('h2'), runtime_handler: 'none' }),
        ),
      );
    });

    it('knows an image by its name, and not one that it lacks', async () => {
      const known = await cri.imageStatus({ image: { image: IMAGE } });
      assert.ok((known.image?.size ?? 0) > 0);
      assert.equal((await cri.imageStatus({ image: { image: 'localhost/none:1' } })).image, null);
    });

    it('tells of changes as they happen', { skip: hasEvents ? false : 'it has no events' }, async () => {
      const ended = new AbortController();
      const seen: string[] = [];
      const stream = (async () => {
        for await (const { container_event_type: type, pod_sandbox_status: of } of cri.getContainerEvents({
          signal: ended.signal,
        }))
          if (of?.metadata?.uid === 'told') seen.push(type);
      })().catch(() => undefined);
      // a stream that is not open yet tells nothing: wait for something it tells
      const sandbox = await run('told');
      const id = await create(sandbox, 'told');
      await cri.startContainer({ container_id: id });
      await cri.stopContainer({ container_id: id, timeout: 10 });
      await eventually('the events of start and stop', () =>
        ['CONTAINER_STARTED_EVENT', 'CONTAINER_STOPPED_EVENT'].every((type) => seen.includes(type)),
      );
      ended.abort();
      await stream;
      await cri.removePodSandbox({ pod_sandbox_id: sandbox });
    });
  });
}
