import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failure, streamStatus, type StreamStatus } from './stream-status.ts';

const exit = (code: string): StreamStatus => ({
  metadata: {},
  status: 'Failure',
  message: `command terminated with non-zero exit code: command terminated with exit code ${code}`,
  reason: 'NonZeroExitCode',
  details: { causes: [{ reason: 'ExitCode', message: code }] },
});
const ended = (details: unknown): object => ({ status: 'Failure', reason: 'NonZeroExitCode', details });
const cause = (message: unknown): object => ({ causes: [{ reason: 'ExitCode', message }] });

describe('what an error stream says', () => {
  const rows: { name: string; bytes: string | object; says: StreamStatus }[] = [
    {
      name: 'success',
      bytes: { metadata: {}, status: 'Success' },
      says: { metadata: {}, status: 'Success' },
    },
    { name: 'an exit code', bytes: ended(cause('42')), says: exit('42') },
    {
      name: 'an exit code among other causes',
      bytes: ended({ causes: [{ reason: 'x', message: '1' }, null, { reason: 'ExitCode', message: '7' }] }),
      says: exit('7'),
    },
    {
      name: 'a failure of the runtime',
      bytes: { status: 'Failure', message: 'Internal error occurred: no such file' },
      says: failure('Internal error occurred: no such file'),
    },
    {
      name: 'an exit code that is none',
      bytes: ended(cause('256')),
      says: failure('error stream protocol error: invalid exit code value "256"'),
    },
    {
      name: 'an exit code of an odd type',
      bytes: ended(cause(1)),
      says: failure('error stream protocol error: invalid exit code value ""'),
    },
    {
      name: 'no cause',
      bytes: ended(undefined),
      says: failure('error stream protocol error: no ExitCode cause given'),
    },
    {
      name: 'another word',
      bytes: { status: '' },
      says: failure('error stream protocol error: unknown error'),
    },
    {
      name: 'no JSON',
      bytes: 'boom',
      says: failure('error stream protocol error: not a status in "boom"'),
    },
    { name: 'a list', bytes: [], says: failure('error stream protocol error: not a status in "[]"') },
  ];
  for (const { name, bytes, says } of rows)
    it(name, () => {
      const text = typeof bytes === 'string' ? bytes : JSON.stringify(bytes);
      assert.deepEqual(streamStatus(Buffer.from(text)), says);
    });
});
