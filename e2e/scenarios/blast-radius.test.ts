/**
 * What one host of a process can't do costs that host alone, is told where a person would look, and heals
 * when it is mended.
 */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { useNamespace } from '../harness/namespace.ts';
import { useWorld } from '../harness/world.ts';

const world = useWorld({
  farlet: false,
  hosts: [
    { name: 'broken-2', version: '2' },
    { name: 'sound-2', version: '2' },
  ],
});

interface Told {
  readonly status: string;
  readonly message: string;
}

async function readyOf(node: string): Promise<Told | undefined> {
  const { stdout } = await world.plane.tryKubectl(['get', 'node', node, '-o', 'json']);
  if (stdout === '') return undefined;
  const { status } = JSON.parse(stdout) as { status: { conditions?: (Told & { type: string })[] } };
  return status.conditions?.find(({ type }) => type === 'Ready');
}

describe("a host whose folders can't be made", { concurrency: 1 }, () => {
  const pods = useNamespace(world, { name: 'e2e-sound', node: 'sound-2', awaitNode: false });
  let inTheWay: string;

  it('is NotReady and says why, while the other node of the process is Ready and runs a pod', async () => {
    const broken = world.host('broken-2');
    inTheWay = `${broken.folder}/farlet`;
    mkdirSync(broken.folder, { recursive: true });
    writeFileSync(inTheWay, 'a file where the folder should be');
    await world.startFarlet('farlet', { hosts: [broken, world.host('sound-2')] });
    await pods.wait('the sound node to be Ready', async () => (await readyOf('sound-2'))?.status === 'True');
    await pods.createPod('plain');
    await pods.waitReady('plain');
    const ready = await pods.wait('the broken node to say why', async () => {
      const found = await readyOf('broken-2');
      return found?.message.includes("folders can't be made") === true ? found : false;
    });
    assert.equal(ready.status, 'False');
    assert.match(ready.message, /\/farlet\b.*not a directory/i);
  });

  it('counts the fault and tells it in an event on its Node', async () => {
    const [farlet] = world.farlets;
    const metrics = await (await fetch(farlet?.metricsUrl ?? '')).text();
    const faults = metrics.split('\n').filter((line) => line.startsWith('farlet_faults_total'));
    assert.match(faults.join('\n'), /^farlet_faults_total\{[^}]*part="folders"[^}]*\} [1-9]/);
    const events = await world.plane.kubectl([
      ...['get', 'events', '-n', 'default', '--field-selector', 'reason=FarletFault'],
      ...['-o', 'jsonpath={range .items[*]}{.involvedObject.name}: {.message}{"\\n"}{end}'],
    ]);
    assert.match(events, /^broken-2: folders: .*\/farlet/m);
    assert.doesNotMatch(events, /^sound-2/m);
  });

  it('is Ready once nothing is in the way', async () => {
    rmSync(inTheWay);
    await pods.wait(
      'the node to be Ready',
      async () => (await readyOf('broken-2'))?.status === 'True',
      90_000,
    );
  });
});
