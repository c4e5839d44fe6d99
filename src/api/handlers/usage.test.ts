import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HostError } from '../../model/errors.ts';
import { quietLog } from '../../testing/fixtures.ts';
import type { HostReading } from '../../usage/reading.ts';
import { HttpFault } from '../http/http-fault.ts';
import { cadvisorMetrics, resourceMetrics, statsSummary, type UsageNode } from './usage.ts';

const { signal } = new AbortController();
const use = { at: 1000, cpuNanos: 2e9, workingSetBytes: 3 };
const reading = (names: readonly string[]): HostReading => ({
  host: 'box',
  at: 1000,
  detail: 'full',
  root: use,
  allPods: undefined,
  above: new Map(),
  machine: { interfaces: [], devices: new Map(), disks: [] },
  facts: undefined,
  nodeFs: undefined,
  imageFs: undefined,
  containerFs: undefined,
  pods: names.map((name) => ({
    name,
    namespace: 'n',
    uid: name,
    startedAt: 0,
    path: undefined,
    use,
    sandbox: undefined,
    containers: [],
    network: undefined,
    volumes: [],
  })),
});
const works = (...names: string[]) => ({ usage: { read: () => Promise.resolve(reading(names)) } });
const fails = { usage: { read: () => Promise.reject(new HostError('unavailable', 'box', 'box is away')) } };
const node = (...hosts: UsageNode['hosts']): UsageNode => ({ name: 'edge', hosts, log: quietLog });
const ask = async (of: UsageNode, query = '') =>
  JSON.parse(await statsSummary(of, new URLSearchParams(query), { signal })) as {
    node: { nodeName: string; cpu?: object; rlimit?: object };
    pods: { podRef: { name: string } }[];
  };

describe('/stats/summary', () => {
  it('is one text of the node and its pods, of all hosts', async () => {
    const { node: told, pods } = await ask(node(works('a', 'b'), works('c')));
    assert.equal(told.nodeName, 'edge');
    assert.deepEqual(
      pods.map(({ podRef }) => podRef.name),
      ['a', 'b', 'c'],
    );
    assert.deepEqual((await ask(node(works()))).pods, []);
  });

  it('is indented as a kubelet’s', async () => {
    const text = await statsSummary(node(works('a')), new URLSearchParams(), { signal });
    assert.ok(text.startsWith('{\n "node": {\n  "nodeName": "edge",\n'), text.slice(0, 80));
    assert.ok(text.includes('\n "pods": [\n  {\n   "podRef": {\n    "name": "a",\n'), text);
    assert.ok(text.endsWith('\n  }\n ]\n}'), text.slice(-40));
  });

  it('is brief only if it is asked once, and so', async () => {
    const isBrief = async (query: string) => (await ask(node(works()), query)).node.rlimit === undefined;
    assert.equal(await isBrief('only_cpu_and_memory=true'), true);
    assert.equal(await isBrief('only_cpu_and_memory=1'), false);
    assert.equal(await isBrief('only_cpu_and_memory=true&only_cpu_and_memory=true'), false);
  });

  it('tells what it can of a pool, and fails if that is nothing', async () => {
    const { node: told, pods } = await ask(node(works('a'), fails));
    assert.deepEqual([told.cpu, pods.length], [undefined, 1]);
    await assert.rejects(
      ask(node(fails)),
      (error) =>
        error instanceof HttpFault && error.code === 500 && String(error.body).includes('box is away'),
    );
  });

  it('is not gone on with for a caller that is gone', async () => {
    const gone = AbortSignal.abort(new Error('gone'));
    await assert.rejects(statsSummary(node(works()), new URLSearchParams(), { signal: gone }), /gone/);
  });
});

describe('pages of metrics', () => {
  it('say that a host could not be read', async () => {
    assert.match(await resourceMetrics(node(fails), { signal }), /^resource_scrape_error 1$/m);
    assert.match(await resourceMetrics(node(works('a')), { signal }), /^resource_scrape_error 0$/m);
    assert.match(
      await cadvisorMetrics(node(works('a'), fails), { signal, now: 0 }),
      /^container_scrape_error 1$/m,
    );
  });
});
