import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FarletError, HostError } from '../../model/errors.ts';
import { annotations } from '../../model/labels.ts';
import { emptyRuntimeState, type ObservedContainer } from '../../model/runtime-state.ts';
import { container } from '../../testing/fixtures.ts';
import { TerminationMessages } from './termination-messages.ts';

const { signal } = new AbortController();
const FILE = '/farlet/pods/u/containers/c/0a1b2c3d';
const LOG = '/host/0.log';
const nothing = emptyRuntimeState({ uid: 'u', name: 'web', namespace: 'shop' }, 0);

/** By path: a text, or what reading it throws. */
function setUp(files: Record<string, string | Buffer | Error>) {
  const read = (path: string, maxBytes: number): Promise<Buffer> => {
    const found = files[path] ?? new HostError('not-found', 'box', `box: read ${path}: no such file`);
    return found instanceof Error
      ? Promise.reject(found)
      : Promise.resolve(Buffer.from(found).subarray(-maxBytes));
  };
  return new TerminationMessages({
    paths: { rootDir: '/farlet', podLogsDir: '/logs', containerLogsDir: '/links' },
    files: {
      readTail: (path, { maxBytes }) => read(path, maxBytes),
      look: (queries) => Promise.resolve(queries.map(() => ({}))),
      readPodFile: (root, path, { maxBytes }) => read(`pod's ${root} ${path}`, maxBytes),
    },
  });
}

function exited(change: Partial<ObservedContainer> & { policy?: string } = {}): ObservedContainer {
  const { policy = 'FallbackToLogsOnError', ...rest } = change;
  return container({
    id: 'one',
    state: 'exited',
    exitCode: 1,
    reason: 'Error',
    logPath: LOG,
    annotations: { [annotations.terminationMessagePolicy]: policy },
    terminationFile: FILE,
    ...rest,
  });
}

const line = (text: string, tag = 'F'): string => `2026-01-01T00:00:00.000000000Z stdout ${tag} ${text}\n`;
const broken = new HostError('internal', 'box', 'box: read it: input/output error');

describe('termination messages', () => {
  const rows: [string, Record<string, string | Buffer | Error>, ObservedContainer, string][] = [
    ['the file', { [FILE]: 'done', [LOG]: line('log') }, exited(), 'done'],
    ['the log where the file is empty', { [FILE]: '', [LOG]: line('log') }, exited(), 'log\n'],
    ['the log where the file is gone', { [LOG]: line('log') }, exited(), 'log\n'],
    ['bytes that are no text', { [FILE]: Buffer.from('a\xe9b', 'latin1') }, exited(), 'a\udce9b'],
    [
      'bytes of the log that are no text',
      { [LOG]: Buffer.from(line('caf\xe9 \xf0\x9f'), 'latin1') },
      exited(),
      'caf\udce9 \udcf0\udc9f\n',
    ],
    [
      'the end of an entry however long',
      { [LOG]: line(`${'x'.repeat(30_000)}END`) },
      exited(),
      `${'x'.repeat(2044)}END\n`,
    ],
    [
      'a log that is gone',
      {},
      exited({ logPath: '/gone/0.log' }),
      'Error on reading termination message from logs: failed to try resolving symlinks in path "/gone/0.log": lstat /gone: no such file or directory',
    ],
    [
      'what is no log',
      { [LOG]: 'no log\n' },
      exited(),
      'Error on reading termination message from logs: failed to get parse function: unsupported log format: "no log\\n"',
    ],
    ['no log without the policy', { [FILE]: '', [LOG]: line('log') }, exited({ policy: 'File' }), ''],
    ['no log of a success', { [FILE]: '', [LOG]: line('log') }, exited({ exitCode: 0 }), ''],
    [
      'no log of what never ran',
      { [FILE]: '', [LOG]: line('log') },
      exited({ reason: 'ContainerCannotRun' }),
      '',
    ],
    ...[
      ['/farlet/pods/u/volume-subpaths/v/c/0', "pod's /farlet/pods/u/volume-subpaths/v/c 0"],
      ['/farlet/pods/u/containers/c2/0a1b2c3d', "pod's /farlet/pods/u/containers/c2 0a1b2c3d"],
      ['/message', "pod's / message"],
    ].map(([hostPath = '', read = '']): [string, Record<string, string>, ObservedContainer, string] => [
      `a file of a volume, as hostile: ${hostPath}`,
      { [read]: 'theirs', [hostPath]: 'not so' },
      exited({ terminationFile: hostPath }),
      'theirs',
    ]),
    [
      'a file that can not be read',
      { [FILE]: broken, [LOG]: line('log') },
      exited(),
      `Error on reading termination log ${FILE}: box: read it: input/output error`,
    ],
    [
      'a log that can not be read',
      { [FILE]: '', [LOG]: broken },
      exited(),
      'Error on reading termination message from logs: box: read it: input/output error',
    ],
  ];
  for (const [name, files, of, expect] of rows)
    it(name, async () => {
      const messages = setUp(files);
      await messages.read({ ...nothing, containers: [of] }, { signal });
      assert.equal(messages.get('one'), expect);
    });

  it('are not made up while the host can not be asked', async () => {
    const files: Record<string, string | Error> = { [FILE]: new FarletError('unavailable', 'no link') };
    const messages = setUp(files);
    const state = { ...nothing, containers: [exited()] };
    await assert.rejects(messages.read(state, { signal }), /no link/);
    assert.equal(messages.get('one'), undefined);
    files[FILE] = 'done';
    await messages.read(state, { signal });
    assert.equal(messages.get('one'), 'done');
  });
});
