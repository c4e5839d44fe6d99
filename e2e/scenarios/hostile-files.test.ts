/**
 * Files that containers leave for farlet to read (S4), and folders whose server is silent (S5): they cost
 * their own pod alone. Over ssh or tcp: `FARLET_E2E_LINK=ssh|tcp`.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { linkHosts } from '../harness/link-hosts.ts';
import { useNamespace } from '../harness/namespace.ts';
import { IMAGE, shell } from '../harness/pods.ts';
import { useWorld } from '../harness/world.ts';

const world = useWorld({ hosts: linkHosts.slice(-1) });
/** What a pod takes to run, and as much again for a machine that is busy. */
const NORMAL_MS = 20_000;
const MANY = 6;

for (const { name: node } of linkHosts.slice(-1))
  describe(`hostile files on ${node}`, { concurrency: 1 }, () => {
    const pods = useNamespace(world, { name: `hostile-${node}`, node });
    const many = (name: string): string[] =>
      Array.from({ length: MANY }, (_, index) => `${name}-${String(index)}`);
    /** A container that ends at once after `make` has left something in its volume. */
    const after = (make: string, container: object): object => ({
      restartPolicy: 'Never',
      volumes: [{ name: 'v', emptyDir: {} }],
      initContainers: [
        { ...shell(make), name: 'init', image: IMAGE, volumeMounts: [{ name: 'v', mountPath: '/v' }] },
      ],
      containers: [shell('exit 3', container)],
    });
    const asMessage = (subPath: string): object => ({
      volumeMounts: [{ name: 'v', mountPath: '/dev/termination-log', subPath }],
    });
    const runsAsEver = async (name: string): Promise<void> => {
      await pods.createPod(name);
      await pods.waitReady(name, NORMAL_MS);
    };
    const saidBy = (name: string): Promise<string> =>
      pods.wait(`${name} to have ended`, async () => {
        const [status] = (await pods.pod(name)).status.containerStatuses ?? [];
        const ended = status?.state.terminated;
        return ended === undefined ? false : (ended.message ?? 'nothing');
      });

    it('as termination messages are refused, and no other pod waits', async () => {
      const made = [
        ...many('fifo').map((name) => [name, 'mkfifo /v/x', asMessage('x')] as const),
        ['zero', 'mknod /v/x c 1 5', asMessage('x')],
        ['text', 'echo -n said >/v/x', asMessage('x')],
      ] as const;
      await Promise.all(made.map(([name, make, container]) => pods.createPod(name, after(make, container))));
      const told = new Map(
        await Promise.all(made.map(async ([name]) => [name, await saidBy(name)] as const)),
      );
      await runsAsEver('plain');
      for (const name of [...many('fifo'), 'zero'])
        assert.match(told.get(name) ?? '', /^Error on reading termination log \/.*regular file$/, name);
      assert.equal(told.get('text'), 'said');
    });

    it('as files of variables are refused, and no other pod waits', async () => {
      const env = [{ name: 'X', valueFrom: { fileKeyRef: { volumeName: 'v', path: 'x', key: 'A' } } }];
      const made = [
        ...many('envfifo').map((name) => [name, 'mkfifo /v/x'] as const),
        ['envzero', 'mknod /v/x c 1 5'],
        ['envlink', 'ln -s ../../../../etc-hosts /v/x'],
      ] as const;
      await Promise.all(made.map(([name, make]) => pods.createPod(name, after(make, { env }))));
      for (const [name] of made)
        await pods.wait(`${name} to be refused`, async () => {
          const [status] = (await pods.pod(name)).status.containerStatuses ?? [];
          const { reason, message } = status?.state.waiting ?? {};
          return reason === 'CreateContainerConfigError' && message === "couldn't parse env file";
        });
      await runsAsEver('plain-too');
    });

    it('of a server that is silent hold up their own pods alone', async () => {
      const host = world.host(node);
      const folder = `${host.folder}/silent`;
      // a file system in user space whose server never says a word: as a hard mount of a dead NFS server
      const mount = `mkdir -p ${folder} && exec 3<>/dev/fuse && mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 silent ${folder} && echo $$ >${folder}.pid && exec sleep 600`;
      const serves = host.inside(['sh', '-c', mount]);
      world.onEnd(async () => {
        await host.inside(['umount', '-l', folder]);
      });
      await pods.wait('the silent mount', async () => {
        const { stdout } = await host.inside(['cat', '/proc/self/mountinfo']);
        return stdout.includes(` ${folder} `);
      });
      const at = (path: string, type: string, mount: object): object => ({
        volumes: [{ name: 'v', hostPath: { path, type } }],
        containers: [shell(undefined, { volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }] })],
      });
      await Promise.all([
        ...many('typed').map((name) => pods.createPod(name, at(folder, 'Directory', {}))),
        ...many('part').map((name) => pods.createPod(name, at(folder, '', { subPath: 'part' }))),
      ]);
      await runsAsEver('plain-one');
      await new Promise((resolve) => setTimeout(resolve, 25_000));
      await runsAsEver('plain-two');
      await host.inside(['umount', '-l', folder]);
      await host.inside(['sh', '-c', `kill $(cat ${folder}.pid)`]);
      await serves;
    });
  });
