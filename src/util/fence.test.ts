import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { settle } from '../testing/fixtures.ts';
import { fenced, type Fence } from './fence.ts';

class Target {
  readonly name = 'box';
  readonly #calls: string[] = [];

  calls(): readonly string[] {
    return this.#calls;
  }
  write(what: string): Promise<string> {
    this.#calls.push(what);
    return Promise.resolve(`wrote ${what}`);
  }
  async *follow(what: string): AsyncIterable<string> {
    this.#calls.push(what);
    await settle();
    yield what;
  }
}

function setUp() {
  const fence: { pass: Fence['pass'] } = { pass: () => undefined };
  const target = new Target();
  const through = fenced(target, { pass: () => fence.pass() }, { streams: ['follow'], free: ['calls'] });
  const follow = async (): Promise<string[]> => {
    const got: string[] = [];
    for await (const each of through.follow('f')) got.push(each);
    return got;
  };
  return { fence, target, through, follow };
}

describe('a fence', () => {
  it('that is open lets everything through at once', async () => {
    const { through, follow } = setUp();
    const writing = through.write('a');
    assert.deepEqual(through.calls(), ['a']);
    assert.equal(await writing, 'wrote a');
    assert.deepEqual(await follow(), ['f']);
    assert.equal(through.name, 'box');
  });

  it('may concern some methods only', async () => {
    const { target } = setUp();
    const shut: Fence = { pass: () => Promise.reject(new Error('no')) };
    const through = fenced(target, shut, { only: ['write'] });
    assert.deepEqual(through.calls(), []);
    await assert.rejects(through.write('a'), /no/);
  });

  it('that is closed lets nothing through, and throws only into promises', async () => {
    const { fence, through, follow } = setUp();
    fence.pass = () => {
      throw new Error('no');
    };
    await assert.rejects(through.write('a'), /no/);
    await assert.rejects(follow(), /no/);
    assert.deepEqual(through.calls(), []);
  });

  it('that is to be waited for lets through what is allowed in the end', async () => {
    const { fence, through, follow } = setUp();
    const gate = Promise.withResolvers<undefined>();
    fence.pass = () => gate.promise.then(() => undefined);
    const all = Promise.all([through.write('a'), follow()]);
    await settle();
    assert.deepEqual(through.calls(), []);
    gate.resolve(undefined);
    assert.deepEqual(await all, ['wrote a', ['f']]);
  });
});
