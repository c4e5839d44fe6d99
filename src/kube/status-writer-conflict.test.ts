/** Writes that are refused with a 409, and a store that went back. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KubeError } from '../model/errors.ts';
import type { Pod, PodStatus } from '../model/kube.ts';
import { FakeClock, pod, quietLog, settle } from '../testing/fixtures.ts';
import { StatusWriter } from './status-writer.ts';

const conflict = new KubeError('conflict', 'the object has been modified', {
  status: 409,
  reason: 'Conflict',
});
const notFound = new KubeError('not-found', 'pods "web" not found', { status: 404, reason: 'NotFound' });
const forbidden = new KubeError('forbidden', 'no', { status: 403, reason: 'Forbidden' });
const precondition = new KubeError(
  'conflict',
  'Precondition failed: UID in precondition: u, UID in object meta: v',
  {
    status: 409,
    reason: 'Conflict',
  },
);
const shown = (version: string, status: PodStatus = {}, uid = 'u'): Pod =>
  pod({ metadata: { uid, resourceVersion: version }, status });

/** An API server with one pod; `refusals` are what the next writes and deletions are answered with. */
function setUp(there: Pod | Error | undefined) {
  const clock = new FakeClock();
  const server = { there, refusals: [] as Error[], version: 10 };
  const calls: string[] = [];
  const refuse = (): void => {
    const refusal = server.refusals.shift();
    if (refusal !== undefined) throw refusal;
  };
  const writer = new StatusWriter({
    client: {
      create: () => Promise.reject(new Error('not asked for')),
      replace: () => Promise.reject(new Error('not asked for')),
      get: async <T>(): Promise<T> => {
        await Promise.resolve();
        calls.push('get');
        if (server.there === undefined) throw notFound;
        if (server.there instanceof Error) throw server.there;
        return server.there as T;
      },
      delete: async () => {
        await Promise.resolve();
        calls.push('delete');
        refuse();
      },
      patch: async <T>(_path: string, _type: string, body: object): Promise<T> => {
        await Promise.resolve();
        const { status } = body as { status: PodStatus };
        calls.push(`patch ${status.phase ?? ''}`);
        refuse();
        server.version += 1;
        return shown(String(server.version), status) as T;
      },
    },
    clock,
    log: quietLog,
    signal: new AbortController().signal,
    merge: (_api, desired) => desired,
  });
  const set = (phase: string): void => {
    writer.set(shown('10'), { status: { phase }, mayRun: false });
  };
  const { signal } = new AbortController();
  return { clock, server, calls, writer, set, signal };
}

describe('a status whose write is refused with a 409', () => {
  it('is written again where the pod is the same: the last one is not lost before the pod goes', async () => {
    const { clock, server, calls, writer, set, signal } = setUp(shown('12', { phase: 'Running' }));
    server.refusals.push(conflict);
    set('Succeeded');
    const finished = writer.finish(shown('10'), { signal });
    await clock.advance(1_000);
    await finished;
    assert.deepEqual(calls, ['patch Succeeded', 'get', 'patch Succeeded', 'delete']);
  });

  const gone: [name: string, there: Pod | Error | undefined, refusal: KubeError][] = [
    ['the name is nobody’s by now', undefined, conflict],
    ['the name is another’s by now', shown('12', {}, 'v'), conflict],
    ['it may not be read, and the server says that it is another', forbidden, precondition],
  ];
  for (const [name, there, refusal] of gone)
    it(`is dropped where ${name}`, async () => {
      const { clock, server, calls, writer, set } = setUp(there);
      server.refusals.push(refusal);
      set('Succeeded');
      await clock.advance(60_000);
      await writer.settled('u');
      assert.deepEqual(calls, ['patch Succeeded', 'get']);
    });

  it('is kept while nobody can tell', async () => {
    const { clock, server, calls, set } = setUp(forbidden);
    server.refusals.push(conflict);
    set('Succeeded');
    await clock.advance(1_000);
    assert.deepEqual(calls, ['patch Succeeded', 'get', 'patch Succeeded']);
  });
});

describe('a deletion that is refused with a 409', () => {
  it('is not taken for done where the pod is still there', async () => {
    const { server, writer, signal } = setUp(shown('12'));
    server.refusals.push(conflict);
    await assert.rejects(writer.finish(shown('10'), { signal }), conflict);
    await writer.finish(shown('10'), { signal });
  });

  it('is done where it is not', async () => {
    const { server, writer, signal } = setUp(shown('12', {}, 'v'));
    server.refusals.push(precondition);
    await writer.finish(shown('10'), { signal });
  });
});

describe('a store that was restored', () => {
  it('is written to again: lower versions count once everything was listed again', async () => {
    const { calls, writer, set } = setUp(undefined);
    set('Running');
    await settle();
    assert.deepEqual(calls, ['patch Running']);
    writer.observed(shown('4', { phase: 'Pending' }));
    await settle();
    assert.deepEqual(calls, ['patch Running'], 'old news of a watch counts for nothing');
    writer.relisted();
    writer.observed(shown('4', { phase: 'Pending' }));
    await settle();
    assert.deepEqual(calls, ['patch Running', 'patch Running']);
  });

  it('keeps what is written after, though its versions are lower', async () => {
    const { server, calls, writer, set } = setUp(undefined);
    set('Running');
    await settle();
    server.version = 3;
    writer.relisted();
    set('Succeeded');
    await settle();
    writer.observed(shown('4', { phase: 'Succeeded' }));
    await settle();
    assert.deepEqual(calls, ['patch Running', 'patch Succeeded']);
  });
});
