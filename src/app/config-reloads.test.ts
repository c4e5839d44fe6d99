import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ConfigReloads, type ConfigReloadsOptions, type ReloadOutcome } from './config-reloads.ts';
import { parseConfig } from './config/load.ts';
import type { NodeConfig } from './config/schema.ts';
import { silentLog } from '../model/log.ts';
import { FakeClock } from '../testing/fixtures.ts';
import { Beat } from '../util/beat.ts';

const node = (name: string, port: number, more: object = {}): object => ({
  name,
  port,
  rootDir: `/${name}`,
  cgroupRoot: `/${name}`,
  hosts: [{ name: 'h', endpoint: `unix:///run/${name}.sock` }],
  ...more,
});
const file = (nodes: object[], more: object = {}): string =>
  JSON.stringify({ apiVersion: 'farlet.dev/v1alpha1', kind: 'FarletConfiguration', nodes, ...more });
const far = (name: string): object => ({
  name,
  endpoint: `ssh://root@${name}/run/c.sock`,
  ssh: { knownHostsFile: '/dev/null' },
});

describe('a configuration that changes', () => {
  let folder: string;
  let did: string[];
  let outcomes: ReloadOutcome[];
  let logged: string[];
  let reloads: ConfigReloads;
  let failsToRebuild: string | undefined;
  let startProblem: string | undefined;
  let podsOn: Map<string, number>;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'config-reloads-'));
    [did, outcomes, logged] = [[], [], []];
    [failsToRebuild, startProblem] = [undefined, undefined];
    podsOn = new Map();
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const begin = (text: string, more: Partial<ConfigReloadsOptions> = {}): void => {
    writeFileSync(join(folder, 'f'), text);
    const parse: ConfigReloadsOptions['parse'] = (content) => parseConfig(content, 'f', '/run/agent');
    const hosts = (): object[] =>
      [...podsOn].map(([name, pods]) => ({
        host: { name },
        table: { all: () => Array.from({ length: pods }) },
      }));
    const fleet = {
      add: ({ name }: NodeConfig) => {
        did.push(`add ${name}`);
      },
      remove: (name: string) => {
        did.push(`remove ${name}`);
        return Promise.resolve();
      },
      node: (name: string) => ({
        startProblem: name === 'b' ? startProblem : undefined,
        app: () => ({ hosts: hosts() }),
        configure: () => {
          did.push(`configure ${name}`);
        },
        rebuild: () => {
          did.push(`rebuild ${name}`);
          return failsToRebuild === undefined ? Promise.resolve() : Promise.reject(new Error(failsToRebuild));
        },
      }),
    };
    const tell = (_: object, message: string): void => {
      logged.push(message);
    };
    const clock = new FakeClock();
    reloads = new ConfigReloads({
      file: join(folder, 'f'),
      parse,
      applied: parse(text),
      text,
      isStandalone: false,
      fleet: fleet as unknown as ConfigReloadsOptions['fleet'],
      setLevel: (level) => did.push(`level ${level ?? ''}`),
      onOutcome: (outcome) => outcomes.push(outcome),
      beat: new Beat(clock, 0),
      clock,
      log: { ...silentLog, info: tell, warn: tell, error: tell },
      ...more,
    });
  };
  const write = async (text: string): Promise<ReloadOutcome | undefined> => {
    writeFileSync(join(folder, 'f'), text);
    await reloads.look();
    return outcomes.at(-1);
  };

  it('is parsed once, as long as it is one', async () => {
    const parsed: string[] = [];
    const [good, bad] = [file([node('a', 1)]), file([])];
    begin(good, {
      parse: (text) => {
        parsed.push(text);
        return parseConfig(text, 'f', '/run/agent');
      },
    });
    await reloads.look();
    assert.deepEqual(parsed, []);
    for (const text of [bad, bad, good]) await write(text);
    assert.deepEqual(parsed, [bad, bad]);
  });

  it('is taken over once', async () => {
    begin(file([node('a', 1)]));
    await reloads.look();
    assert.deepEqual(did, []);
    const wanted = file([node('a', 1, { labels: { x: 'y' } }), node('b', 2)], { logLevel: 'warn' });
    assert.deepEqual(await write(wanted), { problem: undefined, needsRestart: [] });
    assert.deepEqual(did, ['level warn', 'configure a', 'add b']);
    await reloads.look();
    assert.equal(did.length, 3);
    await write(file([node('b', 2)]));
    assert.deepEqual(did.slice(3), ['level ', 'remove a']);
  });

  it('that is wrong is told of once, and nothing changes', async () => {
    begin(file([node('a', 1)]));
    for (const text of ['nodes: [', file([]), file([node('a', 1)], { maxPods: 'many' })]) {
      logged.length = 0;
      assert.ok((await write(text))?.problem !== undefined);
      await reloads.look();
      assert.equal(logged.length, 1);
    }
    rmSync(join(folder, 'f'));
    await reloads.look();
    assert.match(outcomes.at(-1)?.problem ?? '', /ENOENT/);
    assert.deepEqual(did, []);
    assert.equal((await write(file([node('a', 1)])))?.problem, undefined);
  });

  it('that needs a restart in part is taken over otherwise', async () => {
    begin(file([node('a', 1)]));
    const outcome = await write(file([node('a', 1), node('b', 2)], { maxPods: 7 }));
    assert.deepEqual(outcome, { problem: undefined, needsRestart: ['maxPods'] });
    assert.deepEqual(did, ['add b']);
    assert.equal(logged.filter((line) => line.includes('restarted')).length, 1);
    assert.deepEqual((await write(file([node('a', 1), node('b', 2)])))?.needsRestart, []);
  });

  it('that can not be carried out is not tried again before it is another', async () => {
    begin(file([node('a', 1)]));
    failsToRebuild = 'in use';
    assert.equal((await write(file([node('a', 9)])))?.problem, 'node a: in use');
    await reloads.look();
    assert.deepEqual(did, ['rebuild a']);
    failsToRebuild = undefined;
    assert.equal((await write(file([node('a', 8)])))?.problem, undefined);
    assert.deepEqual(did, ['rebuild a', 'rebuild a']);
  });

  it('with a node that can not be started is no success until it is', async () => {
    begin(file([node('a', 1)]));
    startProblem = 'in use';
    assert.equal((await write(file([node('a', 1), node('b', 2)])))?.problem, 'node b: in use');
    startProblem = undefined;
    await reloads.look();
    assert.equal(outcomes.at(-1)?.problem, undefined);
    assert.deepEqual(did, ['add b']);
  });

  it('without a host of a pool waits until that has no pods', async () => {
    begin(file([node('a', 1, { hosts: [far('x'), far('y')] })]));
    podsOn = new Map([
      ['x', 3],
      ['y', 1],
    ]);
    const less = file([node('a', 1, { hosts: [far('x')] })]);
    assert.match((await write(less))?.problem ?? '', /^node a: host y still has pods.*drain: true/);
    assert.deepEqual(did, []);
    podsOn.set('y', 0);
    await reloads.look();
    assert.deepEqual(did, ['rebuild a']);
  });

  it('that asks for an API server where there is none', async () => {
    begin(file([node('a', 1, { staticPodPath: '/m' })]), { isStandalone: true });
    const text = file([node('a', 1, { staticPodPath: '/m' }), node('b', 2)]);
    assert.match((await write(text))?.problem ?? '', /node b has no staticPodPath/);
    assert.deepEqual(did, []);
  });
});
