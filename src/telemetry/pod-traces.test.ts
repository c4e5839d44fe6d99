import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../model/kube.ts';
import type { SyncOutcome } from '../model/pod-update.ts';
import { FakeClock } from '../testing/fixtures.ts';
import { PodTraces } from './pod-traces.ts';
import type { Span, SpanEnd, SpanStart, Tracer } from './tracer.ts';
import { Tracing } from './tracing.ts';

const REMOTE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const ready = {
  startTime: '2026-01-01T00:00:00Z',
  phase: 'Running',
  conditions: [{ type: 'Ready', status: 'True' }],
};

interface Told {
  readonly name: string;
  /** name of the span, or the traceparent, that it belongs to */
  readonly parent: string | undefined;
  readonly link: string | undefined;
  readonly attributes: SpanStart['attributes'];
  readonly end: SpanEnd;
}

/** Keeps the spans that have ended; a span's traceparent is its name. */
class KeptSpans implements Tracer {
  readonly told: Told[] = [];
  started = 0;

  start({ name, parent, link, attributes }: SpanStart): Span {
    this.started += 1;
    let hasEnded = false;
    return {
      traceparent: name,
      end: (end = {}) => {
        if (hasEnded) return;
        hasEnded = true;
        const above = typeof parent === 'string' ? parent : parent?.traceparent;
        this.told.push({ name, parent: above, link, attributes: { ...attributes, ...end.attributes }, end });
      },
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** `name < parent` of each, in the order of their ends */
  get tree(): string[] {
    return this.told.map(({ name, parent }) => `${name} < ${parent ?? ''}`);
  }
}

function setUp() {
  const spans = new KeptSpans();
  const clock = new FakeClock();
  const tracing = new Tracing(spans);
  const traces = new PodTraces({ tracing, node: 'edge', clock });
  return { spans, clock, tracing, traces };
}

function pod(
  change: { status?: Pod['status']; annotations?: Record<string, string>; uid?: string } = {},
): Pod {
  const { status, annotations = {}, uid = 'u1' } = change;
  return {
    metadata: { uid, name: 'web', namespace: 'shop', annotations },
    spec: { containers: [] },
    ...(status === undefined ? {} : { status }),
  };
}

const outcome = (kind: 'acted' | 'settled'): Promise<SyncOutcome> => Promise.resolve({ kind });

describe('the traces of pods', () => {
  it('show a start from when the pod is known to the status that says Ready', async () => {
    const { spans, traces, tracing } = setUp();
    const web = pod();
    traces.observed(web);
    await traces.sync(web, async () => {
      await tracing.step('volumes', {}, () => Promise.resolve());
      await tracing.step('image', {}, () => {
        tracing.call('PullImage', { 'farlet.host': 'box' })?.end();
        return Promise.resolve();
      });
      tracing.call('RunPodSandbox', {})?.end();
      return outcome('acted');
    });
    await traces.sync(web, () => outcome('settled'));
    traces.written(pod({ status: { phase: 'Pending' } }), 0.1);
    traces.written(pod({ status: ready }), 0.2);
    traces.written(pod({ status: ready }), 0.3);
    assert.deepEqual(spans.tree, [
      'queue < startPod',
      'volumes < syncPod',
      'PullImage < image',
      'image < syncPod',
      'RunPodSandbox < syncPod',
      'syncPod < startPod',
      'syncPod < startPod',
      'writeStatus < startPod',
      'writeStatus < startPod',
      'startPod < ',
    ]);
    assert.deepEqual(spans.told.at(-1)?.attributes, {
      'k8s.pod.uid': 'u1',
      'k8s.pod': 'shop/web',
      'k8s.pod.name': 'web',
      'k8s.namespace.name': 'shop',
      'k8s.node.name': 'edge',
      'farlet.pod.start': 'ready',
    });
    assert.deepEqual(
      spans.told
        .filter(({ name }) => name === 'syncPod')
        .map(({ attributes }) => attributes?.['k8s.pod.update_type']),
      ['create', 'sync'],
    );
    assert.equal(spans.started, spans.told.length);
  });

  it('belong to the trace that an annotation names', () => {
    const { spans, traces } = setUp();
    traces.observed(pod({ annotations: { 'tracing.k8s.io/traceparent': REMOTE, traceparent: 'other' } }));
    traces.observed(pod({ uid: 'u2', annotations: { traceparent: 'x'.repeat(257) } }));
    traces.close();
    assert.deepEqual(spans.tree, [
      'queue < startPod',
      `startPod < ${REMOTE}`,
      'queue < startPod',
      'startPod < ',
    ]);
  });

  it('leave out later syncs that called nobody, and link those that did to the start', async () => {
    const { spans, traces, tracing } = setUp();
    const web = pod();
    traces.observed(web);
    traces.written(pod({ status: ready }), 0);
    spans.told.length = 0;
    await traces.sync(web, async () => {
      await tracing.step('volumes', {}, () => Promise.resolve());
      return outcome('settled');
    });
    assert.deepEqual(spans.tree, []);
    await traces.sync(pod(), () => {
      tracing.call('StartContainer', {})?.end();
      return outcome('acted');
    });
    await assert.rejects(traces.sync(web, () => Promise.reject(new Error('no'))));
    await traces.end('syncTerminatingPod', web, () => Promise.resolve());
    assert.deepEqual(
      spans.told.map(({ name, parent, link }) => [name, parent, link]),
      [
        ['StartContainer', 'syncPod', undefined],
        ['syncPod', undefined, 'startPod'],
        ['syncPod', undefined, 'startPod'],
        ['syncTerminatingPod', undefined, 'startPod'],
      ],
    );
    assert.equal(spans.told[1]?.attributes?.['k8s.pod.update_type'], 'update');
    assert.equal((spans.told[2]?.end.error as Error).message, 'no');
  });

  it('have no part in what a sync leaves behind, nor in what it starts for others', async () => {
    const { spans, traces, tracing } = setUp();
    const web = pod();
    const later = Promise.withResolvers<undefined>();
    let left: Promise<void> | undefined;
    traces.observed(web);
    await traces.sync(web, () => {
      tracing.outside(() => {
        tracing.call('Probe', {})?.end();
      });
      left = later.promise.then(() => {
        tracing.call('Late', {})?.end();
      });
      return outcome('acted');
    });
    later.resolve(undefined);
    await left;
    assert.deepEqual(spans.tree, ['queue < startPod', 'syncPod < startPod']);
  });

  const ends: { what: string; act: (set: ReturnType<typeof setUp>) => unknown; how: string }[] = [
    {
      what: 'a pod that is removed',
      act: ({ traces }) => {
        traces.gone(pod());
      },
      how: 'removed',
    },
    {
      what: 'one that fails',
      act: ({ traces }) => {
        traces.written(pod({ status: { phase: 'Failed' } }), 0);
      },
      how: 'over',
    },
    {
      what: 'one that never gets Ready',
      act: ({ clock }) => {
        return clock.advance(15 * 60_000);
      },
      how: 'unfinished',
    },
    {
      what: 'a static one, by its mirror',
      act: ({ traces }) => {
        traces.written(
          pod({ uid: 'm', status: ready, annotations: { 'kubernetes.io/config.mirror': 'u1' } }),
          0,
        );
      },
      how: 'ready',
    },
    {
      what: "a node's that stops",
      act: ({ traces }) => {
        traces.close();
      },
      how: 'unfinished',
    },
  ];
  for (const { what, act, how } of ends)
    it(`end the start of ${what}`, async () => {
      const set = setUp();
      set.traces.observed(pod());
      await act(set);
      const root = set.spans.told.find(({ name }) => name === 'startPod');
      assert.equal(root?.attributes?.['farlet.pod.start'], how);
      assert.equal(set.spans.started, set.spans.told.length);
    });

  const none: { what: string; given: Pod }[] = [
    {
      what: 'that a former run has begun with',
      given: pod({ status: { startTime: '2026-01-01T00:00:00Z' } }),
    },
    { what: 'that is over', given: pod({ status: { phase: 'Succeeded' } }) },
    { what: 'that is a mirror', given: pod({ annotations: { 'kubernetes.io/config.mirror': 'x' } }) },
  ];
  for (const { what, given } of none)
    it(`have no start of a pod ${what}`, () => {
      const { spans, traces } = setUp();
      traces.observed(given);
      assert.equal(spans.started, 0);
    });
});
