import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { parseYaml } from '../../app/config/yaml.ts';
import { quietLog } from '../../testing/fixtures.ts';
import { systemClock } from '../../util/clock.ts';
import { ManifestFolder } from './manifest-folder.ts';

let path: string;
const manifest = (name: string, image = 'a:1'): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'c', image }] },
  });
const put = (file: string, text: string): void => {
  writeFileSync(`${path}/.new`, text);
  renameSync(`${path}/.new`, `${path}/${file}`);
};

/** Looks until the source tells of these pods; the test's own time limit ends a wait in vain. */
async function told(
  expected: readonly string[],
  options: { everyMs: number; said?: string[]; path?: string; then?: () => { until: readonly string[] } },
): Promise<void> {
  const stop = new AbortController();
  let until = expected;
  let then = options.then;
  const folder = new ManifestFolder({
    path: options.path ?? path,
    node: 'n',
    everyMs: options.everyMs,
    parse: parseYaml,
    clock: systemClock,
    log: {
      ...quietLog,
      error: (fields) => options.said?.push(JSON.stringify(fields)),
    },
    onPods: (pods) => {
      const seen = pods.map(({ metadata, spec }) => `${metadata.name} ${spec.containers[0]?.image ?? ''}`);
      if (JSON.stringify(seen) !== JSON.stringify(until)) return;
      const next = then?.();
      then = undefined;
      if (next === undefined) stop.abort();
      else until = next.until;
    },
  });
  await folder.run(stop.signal);
}

describe('a folder of manifests', { timeout: 20_000 }, () => {
  beforeEach(() => {
    path = mkdtempSync(`${tmpdir()}/farlet-manifests-`);
  });
  afterEach(() => {
    rmSync(path, { recursive: true });
  });

  it('tells of every good file in the order of names, and names each bad one once', async () => {
    put('b.yaml', manifest('b'));
    put('a.json', manifest('a'));
    put('c.yaml', '{');
    put('.hidden', manifest('hidden'));
    mkdirSync(`${path}/folder`);
    symlinkSync('/nowhere', `${path}/dangling`);
    const said: string[] = [];
    await told(['a-n a:1', 'b-n a:1'], {
      everyMs: 20,
      said,
      then: () => {
        put('d.yaml', manifest('d'));
        return { until: ['a-n a:1', 'b-n a:1', 'd-n a:1'] };
      },
    });
    assert.equal(said.filter((line) => line.includes('c.yaml')).length, 1);
    assert.equal(said.filter((line) => line.includes('/folder')).length, 1);
  });

  it('notices changes without waiting for the period', async () => {
    put('a.yaml', manifest('a'));
    await told(['a-n a:1'], {
      everyMs: 3_600_000,
      then: () => {
        put('a.yaml', manifest('a', 'a:2'));
        return { until: ['a-n a:2'] };
      },
    });
  });

  it('drops what is broken, or gone, with the periodic look', async () => {
    put('a.yaml', manifest('a'));
    put('b.yaml', manifest('b'));
    await told(['a-n a:1', 'b-n a:1'], {
      everyMs: 20,
      then: () => {
        put('a.yaml', '{');
        rmSync(`${path}/b.yaml`);
        return { until: [] };
      },
    });
  });

  it('takes a single file, and a path that does not exist for an empty folder', async () => {
    put('a.yaml', manifest('a'));
    await told(['a-n a:1'], { everyMs: 20, path: `${path}/a.yaml` });
    await told([], { everyMs: 20, path: `${path}/none` });
  });

  it('lets the last of two files with one name win, and says so', async () => {
    put('a.yaml', manifest('same', 'a:1'));
    put('b.yaml', manifest('same', 'a:2'));
    const said: string[] = [];
    await told(['same-n a:2'], { everyMs: 20, said });
    assert.ok(said.some((line) => line.includes('which is dropped')));
  });
});
