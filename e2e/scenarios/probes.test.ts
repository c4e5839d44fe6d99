/**
 * Probes of every kind, their thresholds and what is told of them, and that a restart of farlet changes
 * nothing: here (`make test`) or over ssh or tcp (`make test-remote`).
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { before, describe, it } from 'node:test';
import { startHealthServer, type HealthServer } from '../harness/health-server.ts';
import type { TestHost } from '../harness/host.ts';
import { link, linkHosts, nearAddress } from '../harness/link-hosts.ts';
import { useNamespace, type Namespace } from '../harness/namespace.ts';
import { Authority } from '../harness/pki.ts';
import { shell, SLEEP } from '../harness/pods.ts';
import { useWatched, type Watched } from '../harness/watched.ts';
import { useWorld } from '../harness/world.ts';

// a gRPC probe of a pod on the host's network goes to the node's address: there the health server is
const world = useWorld({
  hosts: linkHosts,
  farlet: { config: { address: '0.0.0.0' }, node: ({ name }) => ({ nodeIP: nearAddress(world.host(name)) }) },
});
/** with time enough on a machine that does much else */
const often = { periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 10 };
const named = (name: string, more: object = {}, command: string = SLEEP): object =>
  shell(command, { name, ...more });
const run = (command: string): object => ({ exec: { command: ['sh', '-c', command] } });

interface Stage {
  readonly node: string;
  readonly space: Namespace;
  readonly seen: Watched;
}

const stages: Stage[] = [];
let health: HealthServer;

describe('probes', { concurrency: true }, () => {
  before(async () => {
    health = await startHealthServer();
    if (link !== 'unix') for (const node of world.nodes) await leadHere(world.host(node), health.port);
    world.onEnd(() => {
      health.close();
    });
  });
  for (const node of world.nodes) {
    describe(`on ${node}`, { concurrency: true }, () => {
      const space = useNamespace(world, { name: `probes-${node}`, node });
      const seen = useWatched(world, space);
      stages.push({ node, space, seen });
      const inside = (pod: string, command: string, container = 'c'): Promise<string> =>
        space.kubectl(['exec', pod, '-c', container, '--', 'sh', '-c', command]);
      const ready = (pod: string, name = 'c', wanted = true): Promise<unknown> =>
        seen.until(`${name} of ${pod} to be ${wanted ? '' : 'not '}ready`, () => {
          const found = seen.container(pod, name);
          return found?.state.running !== undefined && found.ready === wanted;
        });

      it('over gRPC go by what the health service says', async () => {
        const service = `shop-${node}`;
        health.services.set(service, 'SERVING');
        const grpc = { port: health.port, service };
        await space.createPod('grpc', {
          hostNetwork: true,
          containers: [
            named('c', { readinessProbe: { grpc, ...often } }),
            named('stranger', { readinessProbe: { grpc: { ...grpc, service: `nobody-${node}` }, ...often } }),
            named('nobody', { livenessProbe: { grpc: { port: 1 }, ...often, timeoutSeconds: 1 } }),
          ],
        });
        await ready('grpc');
        assert.match(health.agents.get(service) ?? '', /^kube-probe\/1\.36/);
        health.services.set(service, 'NOT_SERVING');
        await ready('grpc', 'c', false);
        await seen.untilEvent(
          'grpc',
          'Unhealthy',
          /^Readiness probe failed: service unhealthy \(responded with "NOT_SERVING"\)$/,
        );
        await seen.untilEvent(
          'grpc',
          'Unhealthy',
          /^Readiness probe failed: error: health rpc probe failed: rpc error: code = NotFound desc = unknown service$/,
        );
        const { podIP = '' } = seen.pod('grpc').status;
        await seen.untilEvent(
          'grpc',
          'Unhealthy',
          `Liveness probe failed: timeout: failed to connect service "${podIP}:1" within 1s: context deadline exceeded`,
        );
        await seen.untilEvent('grpc', 'Killing', 'Container nobody failed liveness probe, will be restarted');
        health.services.set(service, 'SERVING');
        await ready('grpc');
      });

      it('over HTTP follow redirects on the same host, send what they are to, and look at no certificate', async () => {
        const asked = new Map<string, IncomingHttpHeaders>();
        const address = nearAddress(world.host(node));
        const answer: RequestListener = ({ url = '', headers }, response) => {
          asked.set(url, headers);
          const location = { '/moved': '/there', '/away': 'http://elsewhere.example/' }[url];
          if (location !== undefined) response.writeHead(302, { location }).end('gone elsewhere');
          else response.writeHead(url === '/bad' ? 503 : 200).end('fine');
        };
        const plain = await listening(createServer(answer), address);
        const authority = await Authority.create(`${world.folder}/pki-${node}`, 'probed');
        const { cert, key } = await authority.issue('other', { cn: 'other.example', usage: 'serverAuth' });
        const tls = await listening(
          createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, answer),
          address,
        );
        const get = (path: string, port: number, more: object = {}): object => ({
          readinessProbe: { httpGet: { host: address, port, path, ...more }, ...often },
        });
        const httpHeaders = [
          { name: 'X-Who', value: 'me' },
          { name: 'Host', value: 'shop.example' },
          { name: 'Accept', value: '' },
        ];
        await space.createPod('http', {
          containers: [
            named('moved', get('/moved', plain)),
            named('away', get('/away', plain)),
            named('headers', get('/headers?a=b', plain, { httpHeaders })),
            named('tls', get('/tls', tls, { scheme: 'HTTPS' })),
          ],
        });
        // pods of their own: a pod may have but 25 events in short order
        await space.createPod('bad', { containers: [named('c', get('/bad', plain))] });
        await space.createPod('nameless', {
          containers: [named('c', get('/nameless', 0, { port: 'nameless' }))],
        });
        for (const name of ['moved', 'away', 'headers', 'tls']) await ready('http', name);
        const warning = await seen.untilEvent('http', 'ProbeWarning');
        assert.equal(
          warning.message,
          'Readiness probe warning: Probe terminated redirects, Response body: gone elsewhere',
        );
        await seen.untilEvent(
          'bad',
          'Unhealthy',
          /^Readiness probe failed: HTTP probe failed with statuscode: 503$/,
        );
        await seen.untilEvent(
          'nameless',
          'Unhealthy',
          /^Readiness probe errored and resulted in unknown state: strconv\.Atoi: parsing "nameless": invalid syntax$/,
        );
        assert.ok(asked.has('/there'));
        assert.partialDeepStrictEqual(asked.get('/tls'), {
          'user-agent': 'kube-probe/1.36',
          accept: '*/*',
          host: `${address}:${tls}`,
        });
        const sent = asked.get('/headers?a=b') ?? assert.fail();
        assert.deepEqual([sent.host, sent['x-who'], sent.accept], ['shop.example', 'me', undefined]);
        assert.equal(seen.container('bad')?.ready, false);
        assert.equal(seen.container('nameless')?.ready, false);
      });

      it('hold liveness back until the container has started', async () => {
        await space.createPod('starts', {
          containers: [
            named('c', {
              startupProbe: { ...run('test -e /tmp/up'), ...often, failureThreshold: 100 },
              livenessProbe: { ...run('echo not well; false'), ...often },
            }),
            named('never', { startupProbe: { ...run('false'), ...often } }),
          ],
        });
        await seen.untilEvent('starts', 'Unhealthy', /^Startup probe failed: /);
        await seen.untilEvent('starts', 'Killing', 'Container never failed startup probe, will be restarted');
        assert.deepEqual(
          [seen.container('starts')?.restartCount, seen.container('starts')?.ready],
          [0, false],
        );
        assert.ok(!seen.events('starts').some(({ message }) => message.startsWith('Liveness')));
        await inside('starts', 'touch /tmp/up');
        await seen.untilEvent('starts', 'Unhealthy', /^Liveness probe failed: not well\n$/);
        await seen.untilEvent('starts', 'Killing', 'Container c failed liveness probe, will be restarted');
        await seen.until('a restart', () => (seen.container('starts')?.restartCount ?? 0) > 0);
      });

      it('take as many equal answers as they are to', async () => {
        const readinessProbe = {
          ...run('echo >> /tmp/n; test ! -e /tmp/bad'),
          ...often,
          successThreshold: 3,
          failureThreshold: 3,
        };
        const count = async (): Promise<number> => Number(await inside('counts', 'wc -l < /tmp/n'));
        await space.createPod('counts', { containers: [named('c', { readinessProbe })] });
        await ready('counts');
        assert.ok((await count()) >= 3);
        // in one go: between two of kubectl's, probes go on
        const earlier = Number(await inside('counts', 'touch /tmp/bad; wc -l < /tmp/n'));
        await ready('counts', 'c', false);
        assert.ok((await count()) >= earlier + 2, 'at least two more after one that may have been under way');
      });

      it('kill within a grace of their own, and are over in time', async () => {
        const stubborn = 'trap "" TERM; while true; do sleep 1; done';
        const livenessProbe = {
          ...run('sleep 60'),
          ...often,
          timeoutSeconds: 1,
          terminationGracePeriodSeconds: 1,
        };
        await space.createPod('slow', {
          terminationGracePeriodSeconds: 200,
          containers: [named('c', { livenessProbe }, stubborn)],
        });
        await seen.untilEvent(
          'slow',
          'Unhealthy',
          /^Liveness probe failed: command timed out: "sh -c sleep 60" timed out after 1s$/,
        );
        await seen.until('a restart', () => (seen.container('slow')?.restartCount ?? 0) > 0);
        assert.equal(seen.container('slow')?.lastState?.terminated?.exitCode, 137);
        await space.kubectl(['delete', 'pod', 'slow', '--force', '--grace-period=0']);
      });
    });
  }
});

describe('over a restart of farlet', () => {
  before(async () => {
    for (const { node, space } of stages) {
      const service = `steady-${node}`;
      health.services.set(service, 'SERVING');
      const startupProbe = { ...run('echo >> /tmp/startups'), ...often };
      const slow = { ...often, periodSeconds: 2 };
      await space.createPod('steady', {
        hostNetwork: true,
        initContainers: [
          named('sidecar', {
            restartPolicy: 'Always',
            startupProbe,
            readinessProbe: { ...run('echo >> /tmp/n'), ...slow },
          }),
        ],
        containers: [
          named('c', {
            startupProbe,
            readinessProbe: { ...run('echo >> /tmp/n'), ...slow },
            livenessProbe: { ...run('true'), ...slow },
          }),
          named('grpc', { readinessProbe: { grpc: { port: health.port, service }, ...slow } }),
        ],
      });
      await space.createPod('unready', {
        containers: [named('c', { readinessProbe: { ...run('false'), ...slow } })],
      });
    }
    for (const { seen } of stages) {
      await seen.until('readiness', () => seen.condition('steady', 'Ready')?.status === 'True');
      await seen.until('the other to run', () => seen.container('unready')?.state.running);
    }
    // what had run for less than ten seconds before a start is taken for new
    await new Promise((resolve) => setTimeout(resolve, 11_000));
  });

  it('nothing flaps: started, ready, counts and times stay, and probes go on', async () => {
    const counted = async ({ space }: Stage): Promise<number> =>
      Number(await space.kubectl(['exec', 'steady', '-c', 'c', '--', 'sh', '-c', 'wc -l < /tmp/n']));
    const before = stages.map(({ seen }) => ['steady', 'unready'].map((pod) => seen.history(pod).length));
    await world.farlet.stop('SIGKILL');
    world.farlet.start();
    for (const { space, seen } of stages) {
      await space.createPod('new', { containers: [named('c')] });
      await seen.until('a new pod to run', () => seen.container('new')?.state.running);
    }
    for (const stage of stages) {
      const earlier = await counted(stage);
      await stage.space.wait('two more probes', async () => (await counted(stage)) >= earlier + 2, 60_000);
    }
    for (const [index, { seen }] of stages.entries()) {
      const changes = ['steady', 'unready'].map((pod, at) =>
        seen.history(pod).slice((before[index]?.[at] ?? 0) - 1),
      );
      // whatever was written would be a version of its own
      for (const versions of changes)
        assert.deepEqual(versions.slice(1), [], JSON.stringify(versions, undefined, 2));
      assert.equal(seen.container('unready')?.ready, false);
      assert.equal(seen.condition('steady', 'Ready')?.status, 'True');
    }
  });

  it('a container that was started is not asked again whether it has', async () => {
    for (const { space } of stages)
      for (const container of ['c', 'sidecar']) {
        const asked = await space.kubectl([
          'exec',
          'steady',
          '-c',
          container,
          '--',
          'sh',
          '-c',
          'wc -l < /tmp/startups',
        ]);
        assert.equal(asked.trim(), '1');
      }
  });
});

/** Resolves with the port. */
async function listening(server: Server, address: string): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  world.onEnd(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** A pod on a far host's network is asked at that host's address; what answers is on this machine. */
async function leadHere(host: TestHost, port: number): Promise<void> {
  const to = ['-p', 'tcp', '-d', host.address, '--dport', String(port)];
  const rule = ['OUTPUT', ...to, '-j', 'DNAT', '--to-destination', `${host.outside}:${port}`];
  const { code, stderr } = await host.inside(['iptables', '-w', '-t', 'nat', '-A', ...rule]);
  assert.equal(code, 0, stderr);
}
