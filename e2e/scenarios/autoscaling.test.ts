/**
 * What lives on a kubelet's figures: metrics-server with `kubectl top`, and an autoscaler that goes by
 * processors; here (`make test`) or over ssh or tcp (`make test-remote`).
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { linkHosts } from '../harness/link-hosts.ts';
import { startMetricsServer } from '../harness/metrics-server.ts';
import { useNamespace } from '../harness/namespace.ts';
import { deployment, shell } from '../harness/pods.ts';
import { useWorld } from '../harness/world.ts';

const world = useWorld({ hosts: linkHosts.slice(-1) });
const [node = ''] = world.nodes;
const LIMITS = { requests: { cpu: '100m', memory: '8Mi' }, limits: { cpu: '200m', memory: '64Mi' } };
/** Burns for as long as the file is there. */
const BURN =
  'while true; do if [ -e /busy ]; then i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; else sleep 0.2; fi; done';

describe(`autoscaling on ${node}`, () => {
  const pods = useNamespace(world, { name: 'autoscaling', node });
  const inTime = <T>(what: string, check: () => Promise<T | undefined | false>): Promise<T> =>
    pods.wait(what, check, 180_000);
  const replicas = async (): Promise<number> =>
    Number(await pods.kubectl(['get', 'deployment', 'web', '-o', 'jsonpath={.spec.replicas}']));
  let server: { stop(): Promise<void> } | undefined;

  before(async () => {
    server = await startMetricsServer(world.plane, { folder: `${world.folder}/metrics-server` });
    await pods.create(
      deployment('web', { node, replicas: 1, spec: { containers: [shell(BURN, { resources: LIMITS })] } }),
    );
  });
  after(async () => {
    await server?.stop();
  });

  it('kubectl top tells of the node, and of pods by container', async () => {
    const top = await inTime('figures of the node', async () => {
      const { code, stdout } = await world.plane.tryKubectl(['top', 'node', node, '--no-headers']);
      return code === 0 && !stdout.includes('unknown') && stdout;
    });
    const [name, cpu = '', cpuShare = '', memory = '', memoryShare = ''] = top.trim().split(/\s+/);
    assert.equal(name, node);
    assert.match(cpu, /^\d+m$/);
    assert.match(cpuShare, /^\d+%$/);
    assert.match(memory, /^\d+Mi$/);
    assert.match(memoryShare, /^\d+%$/);
    const line = await inTime('figures of the pod', async () => {
      const { code, stdout } = await pods.tryKubectl(['top', 'pod', '--containers', '--no-headers']);
      return code === 0 && stdout.includes('web-') && stdout;
    });
    assert.match(line, /^web-\S+\s+c\s+\d+m\s+\d+Mi\s*$/m);
  });

  it('an autoscaler adds pods while they are busy, and takes them away after', async () => {
    await pods.create({
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'web' },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        minReplicas: 1,
        maxReplicas: 2,
        metrics: [
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 40 } },
          },
        ],
        behavior: {
          scaleUp: { stabilizationWindowSeconds: 0 },
          scaleDown: { stabilizationWindowSeconds: 0 },
        },
      },
    });
    const first = await pods.kubectl([
      'get',
      'pods',
      '-l',
      'app=web',
      '-o',
      'jsonpath={.items[0].metadata.name}',
    ]);
    await pods.sh(first, 'touch /busy');
    await inTime('a second pod', async () => (await replicas()) === 2);
    const { stdout } = await pods.tryKubectl(['top', 'pod', '--containers', '--no-headers']);
    const most = Math.max(...[...stdout.matchAll(/ (\d+)m /g)].map(([, milli]) => Number(milli)));
    assert.ok(most > 40 && most <= 230, stdout);
    await pods.sh(first, 'rm -f /busy');
    await inTime('one pod again', async () => (await replicas()) === 1);
  });
});
