/**
 * Every recorded pod on a farlet node, against what a real kubelet did: here (`make test`) or over ssh or tcp
 * (`make test-remote`).
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { emptied } from '../harness/emptied.ts';
import type { Farlet } from '../harness/farlet.ts';
import { addImageVariant } from '../harness/image-variant.ts';
import { bothLinkHosts } from '../harness/link-hosts.ts';
import { eventually } from '../harness/processes.ts';
import { useWorld, type World } from '../harness/world.ts';
import { otherWatchSeconds } from '../parity/allowed-differences.ts';
import { deviations } from '../parity/compare.ts';
import { inParallel } from '../parity/in-parallel.ts';
import { proxiedHost } from '../parity/proxied-host.ts';
import type { RecordedNode } from '../parity/record-case.ts';
import { startRecorder, type Recorder } from '../parity/recorder.ts';
import { goldenCases, type Case, type Recording } from '../parity/recording.ts';

/** How many pods of a node at a time. */
const AT_ONCE = 6;
/** Not 127.0.0.1, which occurs in the cases themselves. */
const nodeIP = '127.0.10.1';

const cases = goldenCases().map((each) => ({
  ...each,
  ...(each.name in otherWatchSeconds && { watchSeconds: otherWatchSeconds[each.name] }),
}));
// a proxy is not where the host is: the URLs of streams must say where they lead
const hosts = bothLinkHosts.map((host) =>
  host.link === 'tcp' ? { ...host, namesStreamAddress: true } : host,
);
const world = useWorld({ hosts, farlet: false, onUp: startRuns });
let recorder: Recorder;
let farlet: Farlet;
const runs = new Map<string, Promise<Recording>>();
let everyRun: Promise<unknown> = Promise.resolve();

async function startRuns({ plane, folder, nodes }: World): Promise<void> {
  recorder = await startRecorder({ kubeconfig: plane.kubeconfig, folder: `${folder}/recorder` });
  world.onEnd(() => recorder.stop());
  const proxied = await Promise.all(
    nodes.map(async (name) => {
      // the case that changes a container's image changes it to this one
      await addImageVariant(world.host(name), {
        from: 'localhost/busybox:1',
        name: 'registry.k8s.io/e2e-test-images/busybox:1.37.0-1',
      });
      return proxiedHost(world, { name, recorder });
    }),
  );
  farlet = await world.startFarlet('farlet', {
    hosts: proxied,
    nodeIP,
    // the recorded pods tolerate none
    node: () => ({ registerWithTaints: [] }),
  });
  world.onEnd(() => everyRun);
  for (const name of nodes)
    await eventually(
      `${name} to be Ready`,
      async () => (await plane.tryKubectl(['get', 'node', name])).stdout.includes(' Ready '),
      { timeoutMs: 60_000, describe: () => Promise.resolve(farlet.log()) },
    );
  // the longest first, so that none is left over at the end
  const ordered = cases.toSorted((a, b) => (b.watchSeconds ?? 0) - (a.watchSeconds ?? 0));
  for (const name of nodes) {
    const started = inParallel(ordered, AT_ONCE, (each) => record(each, name));
    for (const [each, run] of started) runs.set(`${each.name} ${name}`, run);
  }
  everyRun = Promise.allSettled(runs.values());
}

for (const { name: node, version } of hosts) {
  describe(`on ${node}, farlet does what the kubelet does`, () => {
    for (const each of cases) {
      it(`${each.name}: ${each.about}`, async (test) => {
        const circumstances = { name: each.name, containerd: version };
        const run = await runs.get(`${each.name} ${node}`);
        assert.ok(run);
        const first = deviations(each, run, circumstances);
        if (first.length === 0) return;
        // what a machine under load did (a probe that was late, a container killed before it was up) does not
        // repeat when the pod has it to itself; what farlet does wrong does
        await everyRun;
        let again: ReturnType<typeof deviations> = [];
        for (let tries = 0; tries < 2; tries += 1) {
          again = deviations(each, await record(each, node), circumstances);
          if (again.length === 0) break;
        }
        if (again.length > 0) assert.fail(report(each, again));
        test.diagnostic(`as recorded when run alone; among others:\n${first.join('\n')}`);
      });
    }

    it('leaves nothing behind', async () => {
      await everyRun;
      const host = world.host(node);
      await emptied(host);
      const { code, stdout } = await host.inside(['ls', '-A', `${host.folder}/farlet/pods`]);
      assert.deepEqual({ code, stdout }, { code: 0, stdout: '' });
    });
  });
}

function recordedNode(name: string): RecordedNode {
  return {
    name,
    rootDir: `${world.host(name).folder}/farlet`,
    podLogsDir: `${world.folder}/farlet/logs/pods`,
    suffix: `-${name}`,
    // a kubelet is up to a second behind its containers, farlet is not: so both are met by the deletion in
    // the same state
    settleMs: 1_500,
  };
}

function record(of: Case & Recording, node: string): Promise<Recording> {
  return recorder.record(
    of,
    recordedNode(node),
    of.steps.findLast(({ deleting }) => deleting === undefined),
  );
}

function report(of: Case, found: readonly string[]): string {
  return `${of.name} is not as recorded (- recorded, + found):\n\n${found.join('\n\n')}\n\nfarlet's log:\n${farlet.log()}`;
}
