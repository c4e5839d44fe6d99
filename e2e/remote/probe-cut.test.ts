/**
 * What a link that is cut without a word does to containers with liveness probes over the network: nothing.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { farNode, pause } from '../harness/far-node.ts';
import { useNamespace } from '../harness/namespace.ts';
import { shell } from '../harness/pods.ts';
import { useWorld } from '../harness/world.ts';

const link = process.env.FARLET_E2E_LINK === 'tcp' ? 'tcp' : 'ssh';
const world = useWorld({ hosts: [{ name: 'cut', version: '2', link }] });

const CUT_MS = 25_000;
const MINUTE = 60_000;
/**
 * Decided within sixteen seconds: well within the cut, for which the host does not even count as lost. On tcp
 * each dial is a dozen processes at the host, which on a busy machine take their time.
 */
const often = { periodSeconds: 4, timeoutSeconds: 4, failureThreshold: 3 };
/**
 * HTTP/2 by hand: settings; once the head of a request has come, which on a slow way takes its time, headers,
 * SERVING and trailers; then whatever else comes, so that the end is the client's.
 */
const HEALTH = `cat >/tmp/h <<'H'
#!/bin/sh
printf '\\000\\000\\000\\004\\000\\000\\000\\000\\000\\000\\000\\000\\004\\001\\000\\000\\000\\000'
head -c 100 >/dev/null
printf '\\000\\000\\023\\001\\004\\000\\000\\000\\001\\210\\137\\020application/grpc\\000\\000\\007\\000\\000\\000\\000\\000\\001\\000\\000\\000\\000\\002\\010\\001'
printf '\\000\\000\\017\\001\\005\\000\\000\\000\\001\\000\\013grpc-status\\0010'
timeout 5 cat >/dev/null
H
chmod +x /tmp/h; exec nc -ll -p 8080 -e /tmp/h`;

const servers: Record<string, { run: string; probe: object }> = {
  http: {
    run: 'mkdir /www; touch /www/up; exec httpd -f -p 8080 -h /www',
    probe: { httpGet: { port: 8080, path: '/up' } },
  },
  tcp: { run: 'exec nc -ll -p 8080 -e cat', probe: { tcpSocket: { port: 8080 } } },
  grpc: { run: HEALTH, probe: { grpc: { port: 8080 } } },
  exec: { run: 'sleep 10000', probe: { exec: { command: ['true'] } } },
};

describe(`probes over a link (${link}) that is cut in silence`, () => {
  const e2e = useNamespace(world, { name: 'probe-cut', node: 'cut' });
  const node = farNode(world, e2e);

  it('restart nothing and change nothing', async () => {
    for (const [name, { run, probe }] of Object.entries(servers))
      await e2e.createPod(name, {
        terminationGracePeriodSeconds: 1,
        containers: [
          shell(run, {
            livenessProbe: { ...probe, ...often, initialDelaySeconds: 3 },
            readinessProbe: { ...probe, ...often },
          }),
        ],
      });
    for (const name of Object.keys(servers)) await e2e.waitReady(name, MINUTE);
    await pause(5_000);
    const before = await Promise.all(Object.keys(servers).map((name) => node.identity(name)));
    const told = await e2e.kubectl(['get', 'events', '--no-headers', '--field-selector', 'reason=Unhealthy']);

    await node.host().dropPackets();
    await pause(CUT_MS);
    await node.host().mendLink();
    await node.waitReady('True', MINUTE);
    // three periods: whatever was held against them would show
    await pause(12_000);

    assert.deepEqual(await Promise.all(Object.keys(servers).map((name) => node.identity(name))), before);
    for (const name of Object.keys(servers)) assert.ok(await e2e.isReady(name), name);
    const after = await e2e.kubectl([
      'get',
      'events',
      '--no-headers',
      '--field-selector',
      'reason=Unhealthy',
    ]);
    assert.deepEqual(
      after.split('\n').map((line) => line.split(/\s+/).slice(1)),
      told.split('\n').map((line) => line.split(/\s+/).slice(1)),
    );
  });

  it('restart what does not answer once the link is whole again', async () => {
    await e2e.kubectl(['exec', 'http', '--', 'rm', '/www/up']);
    await e2e.wait(
      'the container to be restarted',
      async () => (await e2e.pod('http')).status.containerStatuses?.[0]?.restartCount === 1,
      MINUTE,
    );
  });
});
