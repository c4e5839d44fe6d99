import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { quietLog } from '../testing/fixtures.ts';
import { LocalClaim } from './local-claim.ts';

const base = mkdtempSync(join(tmpdir(), 'farlet-claim-'));
after(() => {
  rmSync(base, { recursive: true, force: true });
});

/** A clock whose sleeps are told of, and end when the test says. */
function claimant(folder: string | undefined, name: string) {
  const slept = Promise.withResolvers<undefined>();
  const wake = Promise.withResolvers<undefined>();
  const claim = new LocalClaim({
    folder,
    me: { name, process: '' },
    clock: {
      now: () => 0,
      monotonic: () => 0,
      after: () => () => undefined,
      sleep: async (ms) => {
        if (ms < 1_000) {
          await delay(ms);
          return;
        }
        slept.resolve(undefined);
        await wake.promise;
      },
    },
    log: quietLog,
  });
  const { signal } = new AbortController();
  return {
    claim,
    slept: slept.promise,
    wake: () => {
      wake.resolve(undefined);
    },
    acquire: () => claim.acquire({ signal }),
  };
}

describe('a rootDir of this machine', () => {
  it('is one farlet’s at a time, and the next one’s once it stops', async () => {
    const folder = join(base, 'one', 'deep');
    const [first, second] = [claimant(folder, 'a'), claimant(folder, 'b')];
    await first.acquire();
    assert.equal(first.claim.problem(), undefined);
    const waiting = second.acquire();
    await second.slept;
    assert.equal(second.claim.problem(), `waits: a runs a node with rootDir ${folder}`);
    await first.claim.release();
    second.wake();
    await waiting;
    assert.equal(second.claim.problem(), undefined);
    await second.claim.release();
    assert.deepEqual(readdirSync(folder), []);
  });

  it('goes to one of several that find it free', async () => {
    const folder = join(base, 'many');
    const all = ['a', 'b', 'c', 'd'].map((name) => claimant(folder, name));
    const outcomes = await Promise.all(
      all.map((each) => Promise.race([each.acquire().then(() => 'has it'), each.slept.then(() => 'waits')])),
    );
    assert.deepEqual(outcomes.sort(), ['has it', 'waits', 'waits', 'waits']);
    for (const { claim } of all) await claim.release();
  });

  it('of a process that was killed is free at once', async () => {
    const folder = mkdtempSync(join(base, 'k'));
    const script = `require('net').createServer(() => {}).listen('${folder}/owner.sock', () => console.log('up'))`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.ok(existsSync(`${folder}/owner.sock`));
    const next = claimant(folder, 'b');
    await next.acquire();
    assert.equal(next.claim.problem(), undefined);
    await next.claim.release();
  });

  it('that can’t be claimed is used all the same', async () => {
    const file = join(base, 'file');
    writeFileSync(file, '');
    const { claim, acquire } = claimant(file, 'a');
    await acquire();
    assert.equal(claim.problem(), undefined);
    await claim.release();
  });
});

it('on another machine no rootDir is claimed', async () => {
  const { claim, acquire } = claimant(undefined, 'a');
  await acquire();
  assert.equal(claim.problem(), undefined);
});
