import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError, parseConfig } from './load.ts';

const head = { apiVersion: 'farlet.dev/v1alpha1', kind: 'FarletConfiguration' };
const file = import.meta.filename;

interface Part {
  readonly endpoint?: string;
  readonly rootDir?: string;
  readonly cgroupRoot?: string;
}

function problems(parts: readonly Part[], config: object = {}): readonly string[] {
  const nodes = parts.map(({ endpoint = 'unix:///run/c.sock', ...node }, n) => ({
    name: `n${String(n)}`,
    port: 10_250 + n,
    hosts: [
      {
        name: 'box',
        endpoint,
        ...(endpoint.startsWith('ssh:') ? { ssh: { knownHostsFile: file, privateKeyFile: file } } : {}),
      },
    ],
    ...node,
  }));
  try {
    parseConfig(JSON.stringify({ ...head, nodes, ...config }), 'f.yaml');
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map((problem) => problem.split(':')[0] ?? '');
  }
}

const [root, cgroup] = ['nodes[1].rootDir', 'nodes[1].cgroupRoot'];
const a = { rootDir: '/a', cgroupRoot: '/a' };

describe('two nodes', () => {
  const rows: [what: string, parts: readonly Part[], expect: readonly string[]][] = [
    ['with nothing of their own', [{}, {}], [root, cgroup]],
    ['on two runtimes of one machine', [a, { ...a, endpoint: 'unix:///run/d.sock' }], [root, cgroup]],
    ['with a folder of their own each', [a, { ...a, rootDir: '/b' }], [cgroup]],
    ['with a cgroup of their own each', [a, { ...a, cgroupRoot: '/b' }], [root]],
    ['with all of their own', [a, { rootDir: '/b', cgroupRoot: '/b' }], []],
    ['with one folder spelt in two ways', [a, { rootDir: '//a/', cgroupRoot: '/b' }], [root]],
    [
      'with the root of cgroups spelt in two ways',
      [
        { ...a, cgroupRoot: '' },
        { rootDir: '/b', cgroupRoot: '/' },
      ],
      [cgroup],
    ],
    ['on two machines', [a, { ...a, endpoint: 'ssh://root@far/run/c.sock' }], []],
    [
      'on one far machine',
      [
        { ...a, endpoint: 'ssh://root@far/run/c.sock' },
        { ...a, endpoint: 'ssh://op@FAR:22/run/d.sock' },
      ],
      [root, cgroup],
    ],
    [
      'behind two ports of one address',
      [
        { ...a, endpoint: 'ssh://root@far:2201/run/c.sock' },
        { ...a, endpoint: 'ssh://root@far:2202/run/c.sock' },
      ],
      [],
    ],
  ];
  for (const [what, parts, expect] of rows)
    it(`${what}: ${expect.join(', ') || 'well'}`, () => {
      assert.deepEqual(problems(parts), expect);
    });

  it('need no cgroups of their own where none are made', () => {
    assert.deepEqual(problems([a, { ...a, rootDir: '/b' }], { cgroupsPerQOS: false }), []);
  });
});
