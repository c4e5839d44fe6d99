import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { silentLog } from '../model/log.ts';
import { startOtlpCollector } from '../testing/otlp-collector.ts';
import { createOtlpTracer } from './otlp-tracer.ts';
import type { Tracer } from './tracer.ts';

const REMOTE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const UNSAMPLED = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';

interface Seen {
  readonly warnings: string[];
  readonly counts: Record<'exported' | 'dropped', number>;
}

function tracer(endpoint: string, samplingRatePerMillion: number): { tracer: Tracer; seen: Seen } {
  const seen: Seen = { warnings: [], counts: { exported: 0, dropped: 0 } };
  const made = createOtlpTracer({
    endpoint,
    samplingRatePerMillion,
    version: '1.2.3',
    machine: 'desk',
    clock: { now: () => Date.now() },
    log: { ...silentLog, warn: (_fields, message) => seen.warnings.push(message) },
    onSpans: (count, outcome) => {
      seen.counts[outcome] += count;
    },
  });
  return { tracer: made, seen };
}

describe('spans by OTLP', () => {
  it('arrive with their parents, attributes, errors and times', async () => {
    const collector = await startOtlpCollector();
    const { tracer: made, seen } = tracer(collector.endpoint, 1_000_000);
    const root = made.start({ name: 'root', attributes: { a: 'x', n: 1, b: true } });
    const child = made.start({ name: 'child', parent: root, kind: 'client', startMs: 1_700_000_000_000 });
    child.end({ error: new Error('it broke'), attributes: { late: 'y' }, endMs: 1_700_000_000_500 });
    root.end();
    root.end({ attributes: { a: 'again' } });
    await made.close();
    collector.close();
    const [first, second] = collector.spans;
    assert.equal(collector.spans.length, 2);
    assert.ok(first && second);
    assert.deepEqual(
      [first.name, first.kind, first.start, first.end, first.error, first.attributes],
      ['child', 3, 1_700_000_000_000_000_000n, 1_700_000_000_500_000_000n, 'it broke', { late: 'y' }],
    );
    assert.deepEqual([second.name, second.parentId, second.error], ['root', '', undefined]);
    assert.deepEqual(second.attributes, { a: 'x', n: '1', b: true });
    assert.deepEqual([first.parentId, first.traceId], [second.spanId, second.traceId]);
    assert.deepEqual(second.resource, {
      'service.name': 'farlet',
      'service.version': '1.2.3',
      'host.name': 'desk',
    });
    assert.equal(root.traceparent, `00-${second.traceId}-${second.spanId}-01`);
    assert.deepEqual(seen.counts, { exported: 2, dropped: 0 });
  });

  const sampling = [
    { what: 'none of its own at rate 0', rate: 0, parent: undefined, kept: false },
    { what: 'all of its own at a million', rate: 1_000_000, parent: undefined, kept: true },
    { what: 'what a parent records, at rate 0', rate: 0, parent: REMOTE, kept: true },
    { what: 'nothing that a parent does not record', rate: 1_000_000, parent: UNSAMPLED, kept: false },
    { what: 'nothing for a parent that is malformed', rate: 0, parent: REMOTE.toUpperCase(), kept: false },
  ];
  for (const { what, rate, parent, kept } of sampling)
    it(`records ${what}`, async () => {
      const collector = await startOtlpCollector();
      const { tracer: made } = tracer(collector.endpoint, rate);
      const span = made.start({ name: 'root', parent });
      span.end();
      await made.close();
      collector.close();
      assert.equal(collector.spans.length, kept ? 1 : 0);
      assert.equal(span.traceparent.endsWith('-01'), kept);
      if (parent !== undefined && rate === 0 && kept)
        assert.deepEqual(
          [collector.spans[0]?.traceId, collector.spans[0]?.parentId],
          ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'],
        );
    });

  it('are linked to what led to them', async () => {
    const collector = await startOtlpCollector();
    const { tracer: made } = tracer(collector.endpoint, 1_000_000);
    made.start({ name: 'linked', link: REMOTE }).end();
    made.start({ name: 'not linked', link: 'nonsense' }).end();
    await made.close();
    collector.close();
    assert.deepEqual(
      collector.spans.map(({ links }) => links),
      [['0af7651916cd43dd8448eb211c80319c'], []],
    );
  });

  it('are dropped, counted and told of once where no collector is', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, 'close');
    const { tracer: made, seen } = tracer(`127.0.0.1:${port}`, 1_000_000);
    for (let n = 0; n < 3_000; n++) made.start({ name: 'lost' }).end();
    await made.close();
    assert.deepEqual(seen.counts, { exported: 0, dropped: 3_000 });
    assert.deepEqual(seen.warnings, [
      'traces are lost: the collector of tracing.endpoint does not take them',
    ]);
  });
});
