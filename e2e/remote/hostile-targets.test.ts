/**
 * Hosts of probes and hooks that are options or shell text to whatever program they might reach (S3): they
 * are no hosts, which is told, and nothing of them is done on the host, over ssh or by the helper of a host
 * on tcp.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { useNamespace } from '../harness/namespace.ts';
import { shell } from '../harness/pods.ts';
import { useWorld } from '../harness/world.ts';

const links = ['ssh', 'tcp'] as const;
const world = useWorld({ hosts: links.map((link) => ({ name: `target-${link}`, version: '2', link })) });

/** a name of this run: the machine that farlet runs on is looked at as well */
const mark = `owned-${String(process.pid)}`;
const HOSTS = [
  `-lo/proc/1/root/tmp/${mark}`,
  '-e/bin/sh',
  '-le/bin/sh',
  // one that a URL may have
  '-lecat',
  '127.0.0.1 -e /bin/sh',
  `$(touch /tmp/${mark})`,
  `\`touch /tmp/${mark}\``,
  `127.0.0.1;touch /tmp/${mark}`,
  `x\ntouch /tmp/${mark}\n`,
];
const podOf = (index: number): string => `hostile-${String(index)}`;
/** Not often: of a pod's many events the last ones are not told any more. */
const seldom = { periodSeconds: 10, failureThreshold: 1 };
const WAIT_MS = 60_000;

for (const link of links)
  describe(`targets that are none, over ${link}`, { concurrency: 1 }, () => {
    const node = `target-${link}`;
    const space = useNamespace(world, { name: `hostile-${link}`, node });
    const inside = async (command: string): Promise<string> =>
      (await world.remote(node).inside(['sh', '-c', command])).stdout.trim();
    const listeners = (): Promise<string> =>
      inside(`cat /proc/net/tcp /proc/net/tcp6 | awk '$4 == "0A" { print $2 }' | sort -u`);
    const hostile = (host: string): object => {
      const httpGet = { host, port: 8080, path: '/' };
      const containers = {
        tcp: {
          readinessProbe: { tcpSocket: { host, port: 8080 }, ...seldom },
          lifecycle: { preStop: { httpGet } },
        },
        http: { readinessProbe: { httpGet, ...seldom } },
        hook: { lifecycle: { postStart: { httpGet } } },
      };
      return {
        restartPolicy: 'Never',
        containers: Object.entries(containers).map(([name, more]) => ({ ...shell(undefined, more), name })),
      };
    };
    const wordsOf = (host: string): RegExp[] => {
      const lookup = `dial tcp: lookup ${host}: no such host`;
      const probe = 'Readiness probe failed: ';
      const isInUrl = /^[\w-]+$/.test(host);
      return [
        exactly(`${probe}${lookup}`),
        isInUrl
          ? exactly(`${probe}Get "http://${host}:8080/": ${lookup}`)
          : /^Readiness probe errored and resulted in unknown state: parse "http:.*": invalid URL escape "%\w\w"$/,
      ];
    };
    let listening: string;

    before(async () => {
      // the first of all: by then the helper is there, and whatever listens for it
      await space.createPod('first');
      await space.waitReady('first', WAIT_MS);
      listening = await listeners();
      await Promise.all(HOSTS.map((host, index) => space.createPod(podOf(index), hostile(host))));
    });

    it('fail probes and hooks, in words that tell why', async () => {
      for (const [index, host] of HOSTS.entries()) {
        for (const words of wordsOf(host)) await space.waitEvent(podOf(index), 'Unhealthy', words, WAIT_MS);
        await space.waitEvent(podOf(index), 'FailedPostStartHook', /^PostStartHook failed$/, WAIT_MS);
        assert.equal(await space.isReady(podOf(index)), false);
      }
      await space.deletePods(...HOSTS.map((_, index) => podOf(index)));
      for (const index of HOSTS.keys())
        await space.waitEvent(podOf(index), 'FailedPreStopHook', /^PreStopHook failed$/);
    });

    it('leave no file and no listener on the host', async () => {
      const roots = ['', '/run/containerd/io.containerd.runtime.v2.task/k8s.io/*/rootfs'];
      assert.equal(await inside(`ls -d ${roots.map((root) => `${root}/tmp/owned*`).join(' ')}`), '');
      assert.deepEqual(
        readdirSync('/tmp').filter((name) => name.startsWith(mark)),
        [],
      );
      assert.equal(await listeners(), listening);
    });

    it('cost a pod with ordinary probes nothing', async () => {
      await space.createPod('plain', {
        containers: [
          shell('mkdir /www; touch /www/up; exec httpd -f -p 8080 -h /www', {
            readinessProbe: { httpGet: { port: 8080, path: '/up' }, periodSeconds: 1 },
            livenessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
          }),
        ],
      });
      await space.waitReady('plain');
    });
  });

function exactly(text: string): RegExp {
  return new RegExp(`^${text.replaceAll(/[^\w ]/g, '\\$&')}$`);
}
