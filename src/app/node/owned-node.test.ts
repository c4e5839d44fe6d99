import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OwnedNode, type NodeStart, type OwnedNodeOptions, type StartedNode } from './owned-node.ts';
import { parseConfig } from '../config/load.ts';
import type { NodeConfig } from '../config/schema.ts';
import { offlineKube } from '../../kube/offline.ts';
import { FakeClock, quietLog, settle } from '../../testing/fixtures.ts';
import { Beat } from '../../util/beat.ts';

const config = parseConfig(
  JSON.stringify({
    apiVersion: 'farlet.dev/v1alpha1',
    kind: 'FarletConfiguration',
    nodes: [
      {
        name: 'a',
        port: 1,
        hosts: [{ name: 'h', endpoint: 'ssh://root@h/run/c.sock', ssh: { knownHostsFile: '/dev/null' } }],
      },
    ],
  }),
  'f.yaml',
  '/run/agent',
);
const [first] = config.nodes as [NodeConfig];
const on = (port: number): NodeConfig => ({ ...first, port });

function setUp({ triesOn = false, taken = [] }: { triesOn?: boolean; taken?: number[] } = {}) {
  const clock = new FakeClock();
  const life = new AbortController();
  const did: string[] = [];
  const failures: ((error: Error) => void)[] = [];
  /** undefined: starts at once */
  let gate: Promise<unknown> | undefined;
  let leave: (() => void) | undefined;
  const start = async ({ node, onLeft, signal }: NodeStart): Promise<StartedNode> => {
    await gate;
    const name = String(node.port);
    if (taken.includes(node.port)) throw new Error(`${name} is taken`);
    did.push(`start ${name}`);
    leave = onLeft;
    const failed = Promise.withResolvers<undefined>();
    failures.push(failed.reject);
    const ended = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => {
        reject(signal.reason as Error);
      });
    });
    const app = {
      run: () => Promise.race([failed.promise, ended]),
      stop: () => {
        assert.ok(signal.aborted);
        did.push(`stop ${name}`);
        return Promise.resolve();
      },
      configure: ({ labels }: NodeConfig) => did.push(`configure ${name} ${JSON.stringify(labels)}`),
    };
    const listener = {
      close: () => {
        did.push(`close ${name}`);
        return Promise.resolve();
      },
    };
    return { app, listener } as unknown as StartedNode;
  };
  const owned = new OwnedNode({
    config,
    node: first,
    kube: offlineKube(),
    hasCluster: false,
    me: { name: 'me' } as OwnedNodeOptions['me'],
    claimed: () => Promise.resolve(),
    start,
    triesOn,
    beat: new Beat(clock, 0),
    clock,
    log: quietLog,
    signal: life.signal,
  });
  const run = owned.run();
  run.catch(() => undefined);
  const hold = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    gate = promise;
    return () => {
      gate = undefined;
      resolve(undefined);
    };
  };
  return { owned, run, did, failures, clock, life, taken, hold, leave: () => leave?.() };
}

describe('a node that is this farlet’s', () => {
  it('is put together anew, the former first ended', async () => {
    const { owned, did } = setUp();
    await settle();
    await owned.rebuild(on(2));
    assert.deepEqual(did, ['start 1', 'close 1', 'stop 1', 'start 2']);
    assert.equal(owned.problem(), undefined);
  });

  it('runs on as it was if it can not be started by another configuration', async () => {
    const { owned, did, run, taken } = setUp({ taken: [2] });
    await settle();
    await assert.rejects(owned.rebuild(on(2)), /2 is taken/);
    await settle();
    assert.deepEqual(did.slice(-1), ['start 1']);
    assert.equal(owned.startProblem, undefined);
    taken.length = 0;
    await owned.rebuild(on(2));
    assert.deepEqual(did.slice(-1), ['start 2']);
    assert.equal(await Promise.race([run, Promise.resolve('runs')]), 'runs');
  });

  it('that is added is tried on until it can be started', async () => {
    const { owned, did, clock, taken } = setUp({ triesOn: true, taken: [1] });
    await settle();
    assert.match(owned.problem() ?? '', /1 is taken/);
    taken.length = 0;
    await clock.advance(2_000);
    await settle();
    assert.deepEqual(did, ['start 1']);
    assert.equal(owned.problem(), undefined);
  });

  it('that the process begins with ends it', async () => {
    const { run } = setUp({ taken: [1] });
    await assert.rejects(run, /1 is taken/);
  });

  it('whose run fails ends it, but not by what it was ended with', async () => {
    const { owned, run, failures } = setUp();
    await settle();
    await owned.rebuild(on(2));
    assert.equal(await Promise.race([run, Promise.resolve('runs')]), 'runs');
    failures.at(-1)?.(new Error('broken'));
    await assert.rejects(run, /broken/);
  });

  it('gets labels that came while it started', async () => {
    const { owned, did, hold } = setUp();
    const release = hold();
    await settle();
    owned.configure({ ...first, labels: { x: 'y' } });
    release();
    await settle();
    assert.deepEqual(
      did.filter((each) => each.startsWith('configure')),
      ['configure 1 {"x":"y"}'],
    );
  });

  it('that has left is let go, not started again, and no reason for the process to end', async () => {
    const { owned, did, run, leave, life } = setUp();
    await settle();
    leave();
    await settle();
    assert.deepEqual(did, ['start 1', 'close 1', 'stop 1']);
    assert.equal(owned.hasLeft, true);
    assert.equal(owned.app(), undefined);
    await owned.rebuild(on(2));
    assert.deepEqual(did.slice(3), []);
    assert.equal(await Promise.race([run, settle().then(() => 'runs')]), 'runs');
    life.abort(new Error('the process ends'));
    await assert.rejects(run, /the process ends/);
  });

  it('that ends while it starts leaves nothing behind', async () => {
    const { owned, did, run, hold } = setUp();
    const release = hold();
    await settle();
    const stopped = owned.stop({ signal: new AbortController().signal });
    release();
    await stopped;
    assert.deepEqual(did.slice(-2).sort(), ['close 1', 'stop 1']);
    await assert.rejects(run, /node a ends/);
  });
});
