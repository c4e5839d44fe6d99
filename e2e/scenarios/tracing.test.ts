/**
 * Traces of pods: one from when the watch tells of a pod to when it is Ready, in the trace that its
 * annotation names; and a collector that is not there harms nothing. Over ssh or tcp:
 * `FARLET_E2E_LINK=ssh|tcp`.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import {
  startOtlpCollector,
  type CollectedSpan,
  type OtlpCollector,
} from '../../src/testing/otlp-collector.ts';
import { linkHosts } from '../harness/link-hosts.ts';
import { useNamespace } from '../harness/namespace.ts';
import { shell, SLEEP } from '../harness/pods.ts';
import { useWorld } from '../harness/world.ts';

const hosts = linkHosts.slice(-1);
const folder = mkdtempSync('/tmp/farlet-otlp-');
const address = `unix://${folder}/otlp.sock`;
// of its own farlet records nothing: what is told is what annotations ask for
const world = useWorld({ hosts, farlet: { config: { tracing: { endpoint: address } } } });

const CALLER = 'b7ad6b7169203331';
const recorded = (traceId: string) => ({
  annotations: { 'tracing.k8s.io/traceparent': `00-${traceId}-${CALLER}-01` },
});
const EARLY = '0af7651916cd43dd8448eb211c80319c';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const UNFINISHED = '5bd66ef5095369c7b0d1f8f4bd33716a';
const CRI = 'runtime.v1.RuntimeService';

after(() => {
  rmSync(folder, { recursive: true, force: true });
});

for (const { name: node } of hosts)
  describe(`traces of pods on ${node}`, { concurrency: 1 }, () => {
    const pods = useNamespace(world, { name: `traces-${node}`, node });
    let collector: OtlpCollector | undefined;
    const spans = (): readonly CollectedSpan[] => collector?.spans ?? [];
    after(() => collector?.close());

    it('harm nothing where no collector is: they are counted, and the log has one line', async () => {
      await pods.createPod('early', {}, recorded(EARLY));
      await pods.waitReady('early');
      await pods.createPod('early-2', {}, recorded(EARLY));
      await pods.waitReady('early-2');
      await pods.wait('spans to be dropped twice', async () => (await dropped()) >= 20, 60_000);
      await pods.deletePods('early', 'early-2');
      const lines = world.farlet.log(500).match(/traces are lost/g) ?? [];
      assert.equal(lines.length, 1);
    });

    describe('that a collector takes', () => {
      before(async () => {
        collector = await startOtlpCollector(address);
        await pods.create({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: 'words' },
          data: { hello: 'world' },
        });
        const mounted = { ...shell(), volumeMounts: [{ name: 'words', mountPath: '/words' }] };
        const spec = { containers: [mounted], volumes: [{ name: 'words', configMap: { name: 'words' } }] };
        await pods.createPod('silent', spec);
        await pods.createPod('traced', spec, recorded(TRACE));
        await pods.waitReady('silent');
        await pods.waitReady('traced');
        // the collector may be dialed again only after a while
        await pods.wait('the trace of the start', () => Promise.resolve(named('startPod')), 60_000);
      });

      it('show the start of a pod as one, from the watch to Ready', () => {
        const root = named('startPod');
        assert.ok(root);
        assert.equal(root.parentId, CALLER);
        assert.equal(root.attributes['k8s.pod'], `${pods.name}/traced`);
        assert.equal(root.attributes['farlet.pod.start'], 'ready');
        assert.equal(root.attributes['k8s.node.name'], node);
        assert.equal(root.resource['service.name'], 'farlet');
        for (const [name, parent] of [
          ['queue', 'startPod'],
          ['syncPod', 'startPod'],
          ['volumes', 'syncPod'],
          ['volume', 'volumes'],
          ['image', 'syncPod'],
          [`${CRI}/RunPodSandbox`, 'syncPod'],
          [`${CRI}/CreateContainer`, 'syncPod'],
          [`${CRI}/StartContainer`, 'syncPod'],
          ['writeStatus', 'startPod'],
        ] as const)
          assert.ok(
            start().some((span) => span.name === name && parentOf(span)?.name === parent),
            `${name} in ${parent}:\n${drawn()}`,
          );
        const [first] = start().filter(({ name }) => name === 'syncPod');
        assert.equal(first?.attributes['k8s.pod.update_type'], 'create');
      });

      it('name the host of each call', () => {
        const calls = start().filter(({ attributes }) => attributes['rpc.system'] === 'grpc');
        assert.ok(calls.length >= 3);
        for (const { name, kind, attributes } of calls) {
          assert.equal(attributes['farlet.host'], 'box', name);
          assert.equal(kind, 3, `${name} is a client's`);
        }
      });

      it('have an order: each in the time of what it is part of, Ready last', () => {
        const root = named('startPod');
        for (const span of start()) {
          assert.ok(span.start <= span.end, `${span.name} lasts`);
          const parent = parentOf(span);
          // what a status write lasts is known to the millisecond
          if (parent !== undefined)
            assert.ok(span.start >= parent.start - 2_000_000n, `${span.name}\n${drawn()}`);
        }
        const ready = start().find(({ attributes }) => attributes['farlet.pod.ready'] === true);
        assert.ok(ready && root && ready.end <= root.end + 2_000_000n, drawn());
      });

      it('tell nothing of a pod that nobody asked to trace', async () => {
        assert.deepEqual(
          spans().filter(({ attributes }) => String(attributes['k8s.pod']).endsWith('/silent')),
          [],
        );
        assert.ok(spans().every(({ traceId }) => traceId === TRACE || traceId === EARLY));
        await pods.deletePods('silent', 'traced');
      });

      it('end with farlet: a start that is under way is told of', async () => {
        const never = shell(SLEEP, { readinessProbe: { exec: { command: ['false'] } } });
        await pods.createPod('waits', { containers: [never] }, recorded(UNFINISHED));
        const ofIt = (name: string): CollectedSpan | undefined =>
          spans().find((span) => span.traceId === UNFINISHED && span.name === name);
        await pods.wait('the pod to be worked for', () => Promise.resolve(ofIt('queue')), 60_000);
        await world.farlet.stop('SIGTERM');
        assert.equal(ofIt('startPod')?.attributes['farlet.pod.start'], 'unfinished');
        world.farlet.start();
        await pods.deletePods('waits');
      });
    });

    const named = (name: string) => start().find((span) => span.name === name);
    const start = () => spans().filter(({ traceId }) => traceId === TRACE);
    const parentOf = ({ parentId }: CollectedSpan) => spans().find(({ spanId }) => spanId === parentId);
    const drawn = (): string =>
      start()
        .map(
          (span) =>
            `${span.name} < ${parentOf(span)?.name ?? span.parentId} ${JSON.stringify(span.attributes)}`,
        )
        .join('\n');
    const dropped = async (): Promise<number> => {
      const text = await (await fetch(world.farlet.metricsUrl)).text();
      return Number(/^farlet_trace_spans_total\{outcome="dropped"\} (\d+)$/m.exec(text)?.[1] ?? 0);
    };
  });
