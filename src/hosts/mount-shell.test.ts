import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { systemClock } from '../util/clock.ts';
import { MountShell } from './mount-shell.ts';
import { mountsAtOrBelow } from './mountinfo.ts';

const folder = mkdtempSync('/tmp/farlet-mounts-');
const { signal } = new AbortController();
const mounted = (): boolean =>
  mountsAtOrBelow(readFileSync('/proc/self/mountinfo', 'utf8'), folder).length > 0;

after(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('the mount shell', { skip: process.getuid?.() === 0 ? false : 'needs root' }, () => {
  const shell = new MountShell({ clock: systemClock });

  it('mounts, unmounts, and goes on after a failure', async () => {
    await assert.rejects(
      shell.run({ verb: 'mount-tmpfs', path: `${folder}/$(id) none`, options: 'mode=755' }, { signal }),
      /exit code 32: mount: .*\$\(id\) none/,
    );
    assert.equal(
      await shell.run({ verb: 'mount-tmpfs', path: folder, options: 'mode=700,size=4096' }, { signal }),
      'done',
    );
    assert.equal(mounted(), true);
    assert.equal(await shell.run({ verb: 'unmount', path: folder }, { signal }), 'done');
    assert.equal(mounted(), false);
  });

  it('answers each of many that ask at once', async () => {
    const path = (index: number): string => `${folder}/missing-${index}`;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => shell.run({ verb: 'unmount', path: path(index) }, { signal })),
    );
    for (const [index, outcome] of outcomes.entries()) {
      assert.ok(outcome.status === 'rejected');
      assert.match(String(outcome.reason), new RegExp(`missing-${index}: `));
    }
  });

  it('refuses a path that would be two words', async () => {
    await assert.rejects(
      shell.run({ verb: 'unmount', path: `${folder}\nunmount` }, { signal }),
      /line break/,
    );
  });

  it('is stuck with what does not answer in time, and starts anew for the next', async () => {
    const hasty = new MountShell({
      clock: {
        after: (_ms, call) => {
          queueMicrotask(call);
          return () => undefined;
        },
      },
    });
    assert.equal(await hasty.run({ verb: 'unmount', path: folder }, { signal }), 'stuck');
    assert.equal(await hasty.run({ verb: 'unmount', path: folder }, { signal }), 'stuck');
  });
});
