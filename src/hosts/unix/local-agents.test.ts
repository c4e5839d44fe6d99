import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { systemClock } from '../../util/clock.ts';
import type { Pace } from '../link/host-request.ts';
import { LocalAgents } from './local-agents.ts';

/** Processes that this one has started. */
function children(): number {
  return readdirSync('/proc/self/task').reduce((sum, task) => {
    const text = readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim();
    return sum + (text === '' ? 0 : text.split(' ').length);
  }, 0);
}

async function untilChildrenAre(count: number): Promise<void> {
  for (let tries = 0; tries < 500 && children() !== count; tries++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(children(), count);
}

describe('the shells of this machine', () => {
  const { signal } = new AbortController();

  it('are shared by its hosts for what is soon done, and last as long as one of them', async () => {
    const clock = { ...systemClock };
    const [a, b] = [new LocalAgents({ host: 'a', clock }), new LocalAgents({ host: 'b', clock })];
    const read = async (agents: LocalAgents, pace: Pace): Promise<string> => {
      const answer = await agents.ask([{ verb: 'read', args: ['/proc/version', 5] }], { signal, pace });
      assert.ok(answer.ok);
      return answer.payload.toString();
    };
    const before = children();
    for (const agents of [a, a]) assert.equal(await read(agents, 'brief'), 'Linux');
    assert.equal(children(), before + 1);
    for (const pace of ['brief', 'quick'] as const) assert.equal(await read(b, pace), 'Linux');
    // of several hosts there are some ahead of need
    await untilChildrenAre(before + 4);
    for (const agents of [a, b]) assert.equal(await read(agents, 'hangs'), 'Linux');
    assert.equal(children(), before + 6);
    a.close();
    await untilChildrenAre(before + 5);
    assert.equal(await read(b, 'brief'), 'Linux');
    await assert.rejects(read(a, 'brief'), /the link is closed/);
    b.close();
    await untilChildrenAre(before);
  });
});
