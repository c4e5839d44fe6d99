import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configChanges, withChange, type ConfigChange } from './changes.ts';
import { parseConfig } from './load.ts';
import type { Config, HostConfig, NodeConfig } from './schema.ts';

const base = parseConfig(
  JSON.stringify({
    apiVersion: 'farlet.dev/v1alpha1',
    kind: 'FarletConfiguration',
    nodes: [
      { name: 'a', port: 1, hosts: [{ name: 'h', endpoint: 'unix:///run/a.sock' }] },
      {
        name: 'pool',
        port: 2,
        rootDir: '/var/lib/pool',
        cgroupRoot: '/pool',
        hosts: [
          { name: 'x', endpoint: 'ssh://root@x/run/c.sock', ssh: { knownHostsFile: '/dev/null' } },
          { name: 'y', endpoint: 'ssh://root@y/run/c.sock', ssh: { knownHostsFile: '/dev/null' } },
        ],
      },
    ],
  }),
  'f.yaml',
  '/run/agent',
);
const [a, pool] = base.nodes as [NodeConfig, NodeConfig];
const [x, y] = pool.hosts as [HostConfig, HostConfig];

const withNode = (node: Partial<NodeConfig>, of: NodeConfig = a): Config => ({
  ...base,
  nodes: base.nodes.map((each) => (each.name === of.name ? { ...of, ...node } : each)),
});
const withHosts = (...hosts: HostConfig[]): Config => withNode({ hosts }, pool);
const kinds = (changes: readonly ConfigChange[]): string[] =>
  changes.map((change) => {
    const on = change.kind === 'log-level' ? change.level : 'name' in change ? change.name : change.node.name;
    const without =
      change.kind === 'rebuild-node' ? change.withoutHosts.map((name) => ` -${name}`).join('') : '';
    return `${change.kind} ${on ?? ''}${without}`;
  });

describe('another configuration', () => {
  const rows: [name: string, wanted: Config, changes: string[], needsRestart?: string[]][] = [
    ['the same', parseSame(), []],
    ['a log level', { ...base, logLevel: 'debug' }, ['log-level debug']],
    ['a node more', { ...base, nodes: [{ ...a, name: 'b', port: 3 }, ...base.nodes] }, ['add-node b']],
    ['a node less', { ...base, nodes: [a] }, ['remove-node pool']],
    [
      'a node under another name, on the port of before',
      { ...base, nodes: [{ ...a, name: 'b' }, pool] },
      ['remove-node a', 'add-node b'],
    ],
    ['nodes in another order', { ...base, nodes: [pool, a] }, []],
    ['labels', withNode({ labels: { x: 'y' } }), ['relabel-node a']],
    ['no taints', withNode({ registerWithTaints: [] }), ['relabel-node a']],
    ['labels of a host', withHosts({ ...x, labels: { 'farlet.dev/disk': 'ssd' } }, y), ['relabel-node pool']],
    ['a host that is drained', withHosts(x, { ...y, drain: true }), ['relabel-node pool']],
    ['hosts in another order', withHosts(y, x), []],
    ['a port', withNode({ port: 9 }), ['rebuild-node a']],
    ['an address', withNode({ nodeIP: ['192.0.2.1'] }), ['rebuild-node a']],
    ['manifests', withNode({ staticPodPath: '/m' }), ['rebuild-node a']],
    ['a host elsewhere', withHosts({ ...x, endpoint: 'ssh://root@z/run/c.sock' }, y), ['rebuild-node pool']],
    ['another key of a host', withHosts({ ...x, ssh: { knownHostsFile: '/k' } }, y), ['rebuild-node pool']],
    ['a host more', withHosts(x, y, { ...y, name: 'z' }), ['rebuild-node pool']],
    ['a host less', withHosts(x), ['rebuild-node pool -y']],
    ['a key of the process', { ...base, maxPods: 7 }, [], ['maxPods']],
    ['where pods are', withNode({ rootDir: '/b' }), [], ['nodes[a].rootDir']],
    [
      'what can and what can not change',
      { ...withNode({ rootDir: '/b', labels: { x: 'y' } }), metricsPort: 1 },
      ['relabel-node a'],
      ['metricsPort', 'nodes[a].rootDir'],
    ],
  ];
  for (const [name, wanted, changes, needsRestart = []] of rows)
    it(name, () => {
      const diff = configChanges(base, wanted);
      assert.deepEqual(kinds(diff.changes), changes);
      assert.deepEqual(diff.needsRestart, needsRestart);
      // once they are made there is nothing left but what needs a restart
      const applied = diff.changes.reduce(withChange, base);
      assert.deepEqual(configChanges(applied, wanted), { changes: [], needsRestart });
    });

  it('what can not change stays as it is where the rest changes', () => {
    const [change] = configChanges(base, withNode({ rootDir: '/b', port: 9 })).changes;
    assert.ok(change?.kind === 'rebuild-node');
    assert.equal(change.node.rootDir, a.rootDir);
    assert.equal(change.node.port, 9);
  });
});

function parseSame(): Config {
  return structuredClone(base);
}
