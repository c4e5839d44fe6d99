import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { FamilyText } from './family-text.ts';
import { createMetrics, createProcessMetrics } from './metrics.ts';
import { metricsText, wholeText } from './metrics-text.ts';

const node = (name: string) => createMetrics({ node: name, kubeletVersion: 'v1.36.3' });
const ownProcess = () => createProcessMetrics({ refresh: () => undefined });

describe('the text of metrics', () => {
  it('of one node is a kubelet’s, without a label for the node, and the process’s', async () => {
    const own = ownProcess();
    own.rest_client_requests_total.inc({ code: '200', method: 'GET', host: 'h' });
    const text = await wholeText([
      { node: undefined, metrics: node('a') },
      { node: undefined, metrics: own },
    ]);
    assert.match(text, /^kubelet_running_pods 0$/m);
    assert.match(text, /^rest_client_requests_total\{code="200",method="GET",host="h"\} 1$/m);
    assert.match(text, /^process_open_fds \d+$/m);
  });

  it('of several has each family once, with all nodes’ lines together', async () => {
    const [a, b, own] = [node('a'), node('b'), ownProcess()];
    a.kubelet_running_pods.set(1);
    b.kubelet_running_pods.set(2);
    b.farlet_host_up.set({ host: 'x' }, 1);
    own.rest_client_requests_total.inc({ code: '200', method: 'GET', host: 'h' });
    const text = await wholeText([
      { node: 'a', metrics: a },
      { node: 'b', metrics: b },
      { node: undefined, metrics: own },
    ]);
    assert.match(text, /^kubelet_running_pods\{node="a"\} 1\nkubelet_running_pods\{node="b"\} 2$/m);
    assert.match(text, /^farlet_host_up\{node="b",host="x"\} 1$/m);
    assert.match(text, /^kubelet_node_name\{node="a"\} 1\nkubelet_node_name\{node="b"\} 1$/m);
    assert.match(text, /^rest_client_requests_total\{code="200",method="GET",host="h"\} 1$/m);
    const families = text.split('\n').filter((line) => line.startsWith('# TYPE'));
    assert.equal(new Set(families).size, families.length);
  });

  it('of a hundred nodes comes in pieces, between which others have their turn', async () => {
    const nodes = Array.from({ length: 100 }, (_, index) => {
      const metrics = node(`n${index}`);
      for (let pod = 0; pod < 10; pod += 1)
        metrics.prober_probe_total.inc({
          ...{ probe_type: 'Liveness', result: 'successful', container: 'c', pod: `pod-${pod}` },
          ...{ namespace: 'ns', pod_uid: `uid-${pod}` },
        });
      return { node: `n${index}`, metrics };
    });
    let turns = 0;
    let isOver = false;
    const others = (): void => {
      turns += 1;
      if (!isOver) setImmediate(others);
    };
    others();
    let pieces = 0;
    let length = 0;
    for await (const piece of metricsText(nodes)) {
      pieces += 1;
      length += piece.length;
      assert.ok(piece.length < 256 * 1024, `a piece of ${piece.length}`);
    }
    isOver = true;
    assert.ok(length > 1024 * 1024, `${length} characters`);
    assert.ok(pieces >= length / (256 * 1024) && turns >= pieces, `${turns} turns, ${pieces} pieces`);
  });
});

describe('the text of a family', () => {
  const registry = new Registry();
  const shape = { help: 'Of a\\b\nand c', labelNames: ['op', 'why'], registers: [registry] };
  const buckets = [0.005, 0.5, 2.5];
  const counter = new Counter({ ...shape, name: 'a_total' });
  const gauge = new Gauge({ ...shape, name: 'b' });
  const histogram = new Histogram({ ...shape, name: 'c_seconds', buckets });
  const bare = new Histogram({ ...shape, labelNames: [], name: 'd_seconds', buckets });
  const texts = new Map([
    ['a_total', new FamilyText(counter, { kind: 'counter' })],
    ['b', new FamilyText(gauge, { kind: 'gauge' })],
    ['c_seconds', new FamilyText(histogram, { kind: 'histogram', buckets })],
    ['d_seconds', new FamilyText(bare, { kind: 'histogram', buckets })],
  ]);
  /** Asked for twice: what is kept is as what is made. */
  const isAsTheLibraryHasIt = async (): Promise<void> => {
    for (const [name, text] of texts)
      for (const made of [text.comments + text.lines(), text.comments + text.lines()])
        assert.equal(made.trimEnd(), await registry.getSingleMetricAsString(name));
  };
  const odd = { op: 'quote " and \\', why: 'line\nbreak' };

  it('is as the library makes it, however series come, change and go', async () => {
    await isAsTheLibraryHasIt();
    const tell: (() => void)[] = [
      () => {
        counter.inc(odd);
        gauge.set(odd, -Infinity);
        histogram.observe(odd, 0.4);
        bare.observe(7);
      },
      () => {
        counter.inc({ op: 'x' }, 2.5);
        gauge.set(odd, 3);
        gauge.set({ op: 'y', why: 'z' }, Infinity);
        histogram.observe(odd, 0.001);
        histogram.observe({ op: 'x' }, 0.3);
      },
      () => {
        histogram.remove({ op: 'x' });
        gauge.remove(odd);
        counter.reset();
      },
      () => {
        // as many as before, of another length
        histogram.reset();
        for (const seconds of [0.2, 2]) histogram.observe(odd, seconds);
      },
      () => {
        gauge.reset();
        for (const op of ['first', 'second']) gauge.set({ op }, 1);
      },
      () => {
        // the same ones in another order
        gauge.reset();
        for (const op of ['second', 'first']) gauge.set({ op }, 1);
      },
      () => {
        // another in the place of one
        gauge.remove({ op: 'first' });
        gauge.set({ op: 'third' }, 1);
      },
    ];
    for (const change of tell) {
      change();
      await isAsTheLibraryHasIt();
    }
  });

  it('is the one of before where nothing has changed, as long as nothing does', () => {
    const text = texts.get('c_seconds');
    const [first, told] = [text?.lines(), text?.lines('n')];
    assert.deepEqual([text?.lines(), text?.lines('n')], [first, told]);
    histogram.observe(odd, 1);
    assert.notEqual(text?.lines(), first);
    assert.notEqual(text?.lines('n'), told);
  });

  it('tells a node in a label before all others', () => {
    gauge.set({ op: 'y', why: 'z' }, NaN);
    assert.match(texts.get('b')?.lines('n') ?? '', /^b\{node="n",op="y",why="z"\} NaN$/m);
    const buckets = texts.get('c_seconds')?.lines('n') ?? '';
    assert.match(buckets, /^c_seconds_bucket\{node="n",le="0.5",op="quote /m);
    assert.match(buckets, /^c_seconds_count\{node="n",op="quote /m);
    assert.doesNotMatch(texts.get('c_seconds')?.lines() ?? '', /node=/);
  });
});
