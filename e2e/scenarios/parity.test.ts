/** Every recorded pod on a farlet node, against what a real kubelet did: run with `make test` (root, Linux). */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { startControlPlane, type ControlPlane } from '../harness/control-plane.ts';
import { startFarlet, type Farlet } from '../harness/farlet.ts';
import { startHost, type TestHost } from '../harness/host.ts';
import { addImageVariant } from '../harness/image-variant.ts';
import { eventually } from '../harness/processes.ts';
import { otherWatchSeconds } from '../parity/allowed-differences.ts';
import { deviations } from '../parity/compare.ts';
import { inParallel } from '../parity/in-parallel.ts';
import { startRecorder, type Recorder, type RecordedNode } from '../parity/recorder.ts';
import { goldenCases, type Case, type Recording } from '../parity/recording.ts';

/** How many pods of a node at a time. */
const AT_ONCE = 6;
/** Not 127.0.0.1, which occurs in the cases themselves. */
const nodeIP = '127.0.10.1';
const versions = ['1.6', '2'] as const;
type Version = (typeof versions)[number];

const folder = mkdtempSync('/tmp/farlet-parity-');
const cases = goldenCases().map((each) => ({
  ...each,
  ...(each.name in otherWatchSeconds && { watchSeconds: otherWatchSeconds[each.name] }),
}));
let plane: ControlPlane;
let recorder: Recorder;
let farlet: Farlet;
const hosts = new Map<Version, TestHost>();
const runs = new Map<string, Promise<Recording>>();
let everyRun: Promise<unknown> = Promise.resolve();

before(async () => {
  [plane] = await Promise.all([
    startControlPlane({ folder: `${folder}/plane` }),
    ...versions.map(async (version) => {
      const name = nodeName(version);
      const host = await startHost({ name, version, folder: `${folder}/${name}` });
      hosts.set(version, host);
      // the case that changes a container's image changes it to this one
      await addImageVariant(host, {
        from: 'localhost/busybox:1',
        name: 'registry.k8s.io/e2e-test-images/busybox:1.37.0-1',
      });
    }),
  ]);
  recorder = await startRecorder({ kubeconfig: plane.kubeconfig, folder: `${folder}/recorder` });
  const proxied = await Promise.all(
    [...hosts.values()].map(async ({ name, folder: hostFolder, socket, address, cgroupRoot }) => ({
      name,
      address,
      cgroupRoot,
      folder: hostFolder,
      endpoint: (await recorder.proxy(name, socket)).endpoint,
    })),
  );
  farlet = await startFarlet({
    folder: `${folder}/farlet`,
    plane,
    hosts: proxied,
    nodeIP,
    // the recorded pods tolerate none
    node: () => ({ registerWithTaints: [] }),
  });
  for (const { name } of proxied)
    await eventually(
      `${name} to be Ready`,
      async () => (await plane.tryKubectl(['get', 'node', name])).stdout.includes(' Ready '),
      { describe: () => Promise.resolve(farlet.log()) },
    );
  // the longest first, so that none is left over at the end
  const ordered = cases.toSorted((a, b) => (b.watchSeconds ?? 0) - (a.watchSeconds ?? 0));
  for (const version of versions) {
    const started = inParallel(ordered, AT_ONCE, (each) => record(each, version));
    for (const [each, run] of started) runs.set(`${each.name} ${version}`, run);
  }
  everyRun = Promise.allSettled(runs.values());
});

after(async () => {
  await everyRun;
  await farlet.stop();
  await recorder.stop();
  await Promise.all([...hosts.values()].map((host) => host.stop()));
  await plane.stop();
  rmSync(folder, { recursive: true, force: true });
});

for (const version of versions) {
  describe(`on containerd ${version}, farlet does what the kubelet does`, () => {
    for (const each of cases) {
      it(`${each.name}: ${each.about}`, async (test) => {
        const circumstances = { name: each.name, containerd: version };
        const run = await runs.get(`${each.name} ${version}`);
        assert.ok(run);
        const first = deviations(each, run, circumstances);
        if (first.length === 0) return;
        // what a machine under load did (a probe that was late, a container killed before it was up) does not repeat when the
        // pod has it to itself; what farlet does wrong does
        await everyRun;
        let again: ReturnType<typeof deviations> = [];
        for (let tries = 0; tries < 2; tries += 1) {
          again = deviations(each, await record(each, version), circumstances);
          if (again.length === 0) break;
        }
        if (again.length > 0) assert.fail(report(each, again));
        test.diagnostic(`as recorded when run alone; among others:\n${first.join('\n')}`);
      });
    }

    it('leaves nothing behind', async () => {
      await everyRun;
      const host = hosts.get(version);
      assert.ok(host);
      assert.deepEqual(await host.containers(), []);
      assert.deepEqual(readdirSync(`${host.folder}/farlet/pods`), []);
    });
  });
}

function nodeName(version: Version): string {
  return `node-${version.replace('.', '-')}`;
}

function node(version: Version): RecordedNode {
  return {
    name: nodeName(version),
    rootDir: `${folder}/${nodeName(version)}/farlet`,
    podLogsDir: `${folder}/farlet/logs/pods`,
    suffix: `-${version.replace('.', '-')}`,
    // a kubelet is up to a second behind its containers, farlet is not: so both are met by the deletion in the same state
    settleMs: 1_500,
  };
}

function record(of: Case & Recording, version: Version): Promise<Recording> {
  return recorder.record(
    of,
    node(version),
    of.steps.findLast(({ deleting }) => deleting === undefined),
  );
}

function report(of: Case, found: readonly string[]): string {
  return `${of.name} is not as recorded (- recorded, + found):\n\n${found.join('\n\n')}\n\nfarlet's log:\n${farlet.log()}`;
}
