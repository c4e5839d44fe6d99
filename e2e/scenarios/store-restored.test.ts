/**
 * The API server's store is put back to an earlier state while farlet runs on (S9): what farlet knows is of a
 * time that the store has never seen, and what runs on the host is what that time wanted. Over ssh or tcp:
 * `FARLET_E2E_LINK=ssh|tcp`.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { paths } from '../../src/kube/paths.ts';
import type { KubeNode } from '../../src/model/kube.ts';
import { linkHosts } from '../harness/link-hosts.ts';
import { useNamespace, type PodJson } from '../harness/namespace.ts';
import { shell, SLEEP } from '../harness/pods.ts';
import { sandboxesAndContainers, type Held } from '../harness/runtime-view.ts';
import { useWorld } from '../harness/world.ts';

const hosts = linkHosts.slice(-1);
const world = useWorld({ hosts });
/** within which everything is to be as the restored store has it */
const WELL_MS = 60_000;
const EACH = 6;

const names = (group: string): string[] =>
  Array.from({ length: EACH }, (_, index) => `${group}-${String(index)}`);
const groupOf = ({ metadata }: PodJson): string => metadata.name.replace(/-\d+$/, '');

/**
 * What becomes of pods between the backup and the restore; those that are deleted are back then, and those
 * made later are not.
 */
const ENDS = `[ -e /signs/$HOSTNAME ] || { until [ -e /signs/end ]; do sleep 0.2; done; touch /signs/$HOSTNAME; exit; }; ${SLEEP}`;
const specs = (folder: string): Record<string, object> => {
  const signs = {
    volumes: [{ name: 'signs', hostPath: { path: folder, type: 'Directory' } }],
    containers: [shell(ENDS, { volumeMounts: [{ name: 'signs', mountPath: '/signs' }] })],
  };
  return { stays: {}, ends: { ...signs, restartPolicy: 'Never' }, restarts: signs, deleted: {} };
};

for (const { name: node } of hosts)
  describe(`a store that is restored, with pods on ${node}`, () => {
    const space = useNamespace(world, { name: `restored-${node}`, node });
    const held = (): Promise<Held> => {
      const host = world.host(node);
      return sandboxesAndContainers(`${host.root()}${host.socket}`);
    };
    const listed = async (): Promise<PodJson[]> =>
      (await world.client.get<{ items: PodJson[] }>(`/api/v1/namespaces/${space.name}/pods`)).items;
    const are = async (counts: Record<string, (pod: PodJson) => boolean>): Promise<boolean> => {
      const pods = await listed();
      return (
        pods.length === Object.keys(counts).length * EACH &&
        pods.every((pod) => counts[groupOf(pod)]?.(pod) === true)
      );
    };
    const isNodeReady = async (): Promise<boolean> => {
      const { status } = await world.client.get<KubeNode>(paths.node(node));
      return status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
    };

    it('statuses are true again within a minute, and what runs is what the store has', async () => {
      const folder = `${world.host(node).folder}/signs`;
      const near = `${world.host(node).root()}${folder}`;
      mkdirSync(near, { recursive: true });
      await Promise.all(
        Object.entries(specs(folder)).flatMap(([group, spec]) =>
          names(group).map((name) => space.createPod(name, spec)),
        ),
      );
      await space.wait(
        'all pods to be ready',
        () => are({ stays: isReady, ends: isReady, restarts: isReady, deleted: isReady }),
        WELL_MS,
      );
      const backup = await world.plane.backUp();
      const { pid } = world.farlet;
      const process = pid();

      // more than fifty writes: ends, restarts, pods that go and pods that come
      writeFileSync(`${near}/end`, '');
      await space.kubectl(['delete', 'pod', ...names('deleted'), '--wait=false']);
      await Promise.all(names('later').map((name) => space.createPod(name)));
      const hasRestarted = (pod: PodJson): boolean => restarts(pod) === 1 && isReady(pod);
      const hasEnded = ({ status }: PodJson): boolean => status.phase === 'Succeeded';
      await space.wait(
        'all of that to have happened',
        () => are({ stays: isReady, ends: hasEnded, restarts: hasRestarted, later: isReady }),
        WELL_MS,
      );
      const before = new Map((await listed()).map((pod) => [pod.metadata.name, idOf(pod)]));

      await world.plane.restore(backup);
      /** what is not as it should be, by the API server's word and the runtime's */
      const wrong = async (): Promise<string[]> => {
        const [pods, { sandboxes, containers }] = await Promise.all([listed(), held()]);
        const known = new Set(pods.map(({ metadata }) => metadata.uid));
        return [
          ...((await isNodeReady()) ? [] : ['the node is not Ready']),
          ...sandboxes.filter(({ uid, ready }) => ready && !known.has(uid)).map(({ id }) => `sandbox ${id}`),
          ...containers
            .filter(({ uid, running }) => running && !known.has(uid))
            .map(({ id }) => `container ${id}`),
          ...pods.flatMap((pod) => {
            const { name, uid } = pod.metadata;
            const runs = containers.filter((each) => each.uid === uid && each.running).map(({ id }) => id);
            const isTrue =
              groupOf(pod) === 'ends'
                ? hasEnded(pod) && runs.length === 0
                : isReady(pod) && pod.status.phase === 'Running' && runs.join() === idOf(pod);
            const isSame = groupOf(pod) === 'deleted' || idOf(pod) === before.get(name);
            const hasCount =
              groupOf(pod) === 'deleted' || restarts(pod) === (groupOf(pod) === 'restarts' ? 1 : 0);
            return isTrue && isSame && hasCount
              ? []
              : [`${name}: ${JSON.stringify(pod.status)}; runs: ${runs.join()}`];
          }),
        ];
      };
      assert.deepEqual(
        (await listed()).map(groupOf).filter((group) => group === 'later'),
        [],
      );
      let last: string[] = [];
      try {
        await space.wait('everything to be true', async () => (last = await wrong()).length === 0, WELL_MS);
      } catch (error) {
        throw new Error(last.join('\n'), { cause: error });
      }
      assert.deepEqual([world.farlet.exitCode(), world.farlet.pid()], [undefined, process]);

      await space.createPod('new');
      await space.waitReady('new');
    });

    it('a single change is seen as well', async () => {
      const backup = await world.plane.backUp();
      await space.createPod('single');
      await space.waitReady('single');
      const { uid } = (await space.pod('single')).metadata;
      await world.plane.restore(backup);
      await space.wait(
        'the pod to be stopped',
        async () => !(await held()).sandboxes.some((each) => each.uid === uid && each.ready),
        WELL_MS,
      );
    });
  });

function isReady({ status }: PodJson): boolean {
  return status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
}

function restarts({ status }: PodJson): number | undefined {
  return status.containerStatuses?.[0]?.restartCount;
}

function idOf({ status }: PodJson): string | undefined {
  return status.containerStatuses?.[0]?.containerID?.replace('containerd://', '');
}
