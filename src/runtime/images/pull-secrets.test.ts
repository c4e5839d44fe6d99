import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeEvents } from '../../testing/fake-host.ts';
import { pod } from '../../testing/fixtures.ts';
import { readPullSecrets } from './pull-secrets.ts';

const { signal } = new AbortController();
const subject = pod({ spec: { imagePullSecrets: [{ name: 'a' }, {}, { name: 'gone' }, { name: 'b' }] } });

describe('pull secrets', () => {
  it('are those that can be read, in order; the others are told together', async () => {
    const events = new FakeEvents();
    const secret = (namespace: string, name: string) =>
      name === 'gone'
        ? Promise.reject(new Error('not found'))
        : Promise.resolve({ metadata: { namespace, name } });
    const read = await readPullSecrets(subject, { secret, events }, { signal });
    assert.deepEqual(
      read.map(({ metadata }) => `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`),
      ['default/a', 'default/b'],
    );
    assert.deepEqual(events.seen, [
      'Warning FailedToRetrieveImagePullSecret: Unable to retrieve some image pull secrets (gone); attempting to pull the image may not succeed.',
    ]);
  });

  it('an abort is no missing secret', async () => {
    const events = new FakeEvents();
    const stop = new AbortController();
    const secret = () => {
      stop.abort(new Error('stopped'));
      return Promise.reject(new Error('cancelled'));
    };
    const reading = readPullSecrets(subject, { secret, events }, { signal: stop.signal });
    await assert.rejects(reading, { message: 'stopped' });
    assert.deepEqual(events.seen, []);
  });
});
