import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeNode, Taint } from '../model/kube.ts';
import { configuredKey, configuredText, nodePatch } from './configured.ts';

const ours: Taint = { key: 'virtual-kubelet.io/provider', value: 'farlet', effect: 'NoSchedule' };
const theirs: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' };

function node(
  labels: Record<string, string>,
  taints: readonly Taint[],
  { marked, providerID }: { marked?: string | undefined; providerID?: string } = {},
): KubeNode {
  return {
    metadata: {
      name: 'n',
      resourceVersion: '7',
      labels,
      ...(marked === undefined ? {} : { annotations: { [configuredKey]: marked } }),
    },
    spec: { taints: [...taints], ...(providerID === undefined ? {} : { providerID }) },
  };
}

const mark = (labels: Record<string, string>, taints: readonly Taint[]): string =>
  configuredText({ labels, taints });
const zone = { zone: 'a' };
const marked = mark(zone, [ours]);
const wanted = node(zone, [ours], { marked, providerID: 'farlet://c/n' });

const cases: readonly [name: string, there: KubeNode, wanted: KubeNode, expect: unknown][] = [
  ['one that is as it should be', wanted, wanted, undefined],
  [
    'others’ labels, taints and provider id stay',
    node({ ...zone, theirs: 'x' }, [theirs, ours], { marked, providerID: 'cloud://1' }),
    wanted,
    undefined,
  ],
  [
    'the value of a taint that others left to the API server',
    node({}, [{ ...ours, value: '' }], { marked: mark({}, [ours]) }),
    node({}, [{ key: ours.key, effect: ours.effect }], { marked: mark({}, [ours]) }),
    undefined,
  ],
  [
    'one of an earlier version gets all of it',
    node({}, [theirs]),
    wanted,
    {
      metadata: { resourceVersion: '7', labels: zone, annotations: { [configuredKey]: marked } },
      spec: { taints: [theirs, ours], providerID: 'farlet://c/n' },
    },
  ],
  [
    'what the configuration has no more goes',
    node({ ...zone, old: 'x', theirs: 'x' }, [{ ...ours, key: 'old' }, theirs], {
      marked: mark({ old: '' }, [{ ...ours, key: 'old' }]),
    }),
    node({}, [], { marked: mark({}, []) }),
    {
      metadata: {
        resourceVersion: '7',
        labels: { old: null },
        annotations: { [configuredKey]: mark({}, []) },
      },
      spec: { taints: [theirs] },
    },
  ],
  [
    'values are put right, in their place',
    node({ zone: 'b' }, [{ ...ours, value: 'x' }, theirs], { marked }),
    node(zone, [ours], { marked }),
    { metadata: { resourceVersion: '7', labels: zone }, spec: { taints: [ours, theirs] } },
  ],
  [
    'a host that is not the node’s any more',
    node({ 'host.farlet.dev/gone': 'true' }, [], { marked: mark({}, []) }),
    node({}, [], { marked: mark({}, []) }),
    { metadata: { labels: { 'host.farlet.dev/gone': null } }, spec: {} },
  ],
  [
    'a mark that is none says nothing',
    node({ old: 'x' }, [], { marked: '{"labels":[1,null],"taints":{}}' }),
    node({}, [], { marked: mark({}, []) }),
    { metadata: { annotations: { [configuredKey]: mark({}, []) } }, spec: {} },
  ],
];

describe('what of a Node is the configuration’s', () => {
  for (const [name, there, want, expect] of cases)
    it(name, () => {
      assert.deepEqual(nodePatch(there, want), expect);
    });
});
