import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeFiles } from '../../testing/fake-host.ts';
import { pod } from '../../testing/fixtures.ts';
import { refusedUserNamespace, UserNamespaces } from './user-namespaces.ts';

const { signal } = new AbortController();
const paths = { rootDir: '/r', podLogsDir: '/l', containerLogsDir: '/c' };
const own = (uid: string): ReturnType<typeof pod> => pod({ metadata: { uid }, spec: { hostUsers: false } });
const fileOf = (hostId: number): string => {
  const mappings = [{ hostId, containerId: 0, length: 65_536 }];
  return JSON.stringify({ uidMappings: mappings, gidMappings: mappings });
};
const range = (first: number): object => {
  const ids = [{ host_id: first, container_id: 0, length: 65_536 }];
  return { mode: 'POD', uids: ids, gids: ids };
};

function setUp(held: Readonly<Record<string, string>> = {}): {
  files: FakeFiles;
  namespaces: UserNamespaces;
} {
  const files = new FakeFiles();
  const show = (uid: string, text: string): void => {
    files.seen.set(`text /r/pods/${uid}/userns`, { text });
    files.folders.set('/r/pods', [...(files.folders.get('/r/pods') ?? []), uid]);
  };
  for (const [uid, text] of Object.entries(held)) show(uid, text);
  // what is written is there from then on
  files.hold = () => {
    for (const op of files.batches.at(-1) ?? [])
      if (op.op === 'write') show(op.path.split('/').at(-2) ?? '', op.data.toString());
    return Promise.resolve();
  };
  const handlers = [{ name: '', recursiveReadOnlyMounts: true, userNamespaces: true, ownKernel: false }];
  return {
    files,
    namespaces: new UserNamespaces({ files: files.files, paths, runtime: () => ({ handlers }) }),
  };
}

describe('user namespaces', () => {
  it("are the host's unless the pod wants its own, and nothing is asked for that", async () => {
    const { files, namespaces } = setUp();
    for (const spec of [{}, { hostUsers: true }])
      assert.deepEqual(await namespaces.of(pod({ spec }), 'any', { signal }), { mode: 'NODE' });
    assert.deepEqual([files.looks, files.batches], [[], []]);
  });

  it('are a range of its own for each pod, the same ever after', async () => {
    const { files, namespaces } = setUp({ other: fileOf(65_536) });
    const both = await Promise.all(['a', 'b'].map((uid) => namespaces.of(own(uid), '', { signal })));
    assert.deepEqual(both, [range(131_072), range(196_608)]);
    assert.deepEqual(await namespaces.of(own('a'), '', { signal }), range(131_072));
    assert.equal(files.texts.get('/r/pods/a/userns'), fileOf(131_072));
    assert.equal(files.batches.length, 2);
  });

  it('are free again when a folder is gone', async () => {
    const { files, namespaces } = setUp({ gone: fileOf(65_536) });
    files.folders.set('/r/pods', []);
    files.seen.clear();
    assert.deepEqual(await namespaces.of(own('a'), '', { signal }), range(65_536));
  });

  for (const [what, text] of [
    ['no JSON', '{'],
    ['another length', JSON.stringify({ uidMappings: [{ hostId: 65_536, containerId: 0, length: 1 }] })],
    ["the host's own ids", fileOf(0)],
    ['ids that are not the same', fileOf(65_536).replace(/"gidMappings".*/, '"gidMappings":[]}')],
  ] as const)
    it(`are not guessed from a file that is spoilt: ${what}`, async () => {
      const { namespaces } = setUp({ other: text });
      await assert.rejects(namespaces.of(own('a'), '', { signal }), {
        kind: 'invalid',
        message: /\/r\/pods\/other\/userns names no range/,
      });
    });
});

describe('a runtime without user namespaces', () => {
  const handlers = [
    { name: '', userNamespaces: false },
    { name: 'kata', userNamespaces: false },
    { name: 'runc', userNamespaces: true },
  ];
  const rows: readonly [string, typeof handlers, string, string | undefined][] = [
    ['can', handlers, 'runc', undefined],
    [
      'is too old to tell',
      [],
      '',
      "can't set `spec.hostUsers: false`, runtime does not support user namespaces",
    ],
    ['can not', handlers, '', "can't set `spec.hostUsers: false`, runtime does not support user namespaces"],
    [
      'can not for a handler',
      handlers,
      'kata',
      'can\'t set `spec.hostUsers: false`, RuntimeClass handler "kata" does not support user namespaces',
    ],
    [
      'has no such handler',
      handlers,
      'none',
      'can\'t set `spec.hostUsers: false`, RuntimeClass handler "none" does not support user namespaces: the handler "none" is not known',
    ],
  ];
  for (const [what, list, handler, expected] of rows)
    it(what, () => {
      assert.equal(refusedUserNamespace(list, handler), expected);
    });
});
