import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { within } from './within.ts';

describe('what was started for a piece of work', () => {
  const progress = (): void => undefined;

  it('is stopped after it, and the work has its result', async () => {
    const steps: string[] = [];
    const stop = (): Promise<void> => Promise.resolve(void steps.push('stopped'));
    const result = await within(() => Promise.resolve({ stop }), {
      work: () => Promise.resolve(steps.push('worked')),
      progress,
    });
    assert.deepEqual([result, steps], [1, ['worked', 'stopped']]);
  });

  it('is stopped when the work fails', async () => {
    let stopped = 0;
    const stop = (): Promise<void> => Promise.resolve(void (stopped += 1));
    const work = (): Promise<never> => Promise.reject(new Error('in vain'));
    await assert.rejects(
      within(() => Promise.resolve({ stop }), { work, progress }),
      /in vain/,
    );
    assert.equal(stopped, 1);
  });

  it('is not waited for when it could not be started', async () => {
    await assert.rejects(
      within(() => Promise.reject<{ stop(): Promise<void> }>(new Error('no host')), {
        work: () => Promise.resolve(),
        progress,
      }),
      /no host/,
    );
  });

  it('leaves no handlers of signals behind', async () => {
    const before = process.listenerCount('SIGTERM');
    await within(() => Promise.resolve({ stop: () => Promise.resolve() }), {
      work: () => Promise.resolve(),
      progress,
    });
    assert.equal(process.listenerCount('SIGTERM'), before);
  });
});
