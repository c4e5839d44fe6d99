/**
 * What travels over ssh and tcp besides pods' lives: logs, streams, probes from the host's side, `farlet
 * check`.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { paths } from '../../src/kube/paths.ts';
import type { KubeNode } from '../../src/model/kube.ts';
import { kubernetes } from '../harness/cache.ts';
import { useNamespace } from '../harness/namespace.ts';
import { shell, SLEEP } from '../harness/pods.ts';
import { outcome, run, start, tail, type Outcome } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';

const world = useWorld({
  hosts: [
    { name: 'ssh-1-6', version: '1.6', link: 'ssh', user: 'operator' },
    { name: 'ssh-2', version: '2', link: 'ssh' },
    { name: 'tcp-1-6', version: '1.6', link: 'tcp' },
    { name: 'tcp-2', version: '2', link: 'tcp' },
  ],
});

const WEB = 'mkdir /w && echo hello from inside >/w/index.html && exec httpd -f -p 8080 -h /w';

for (const node of world.nodes) {
  describe(`on ${node}`, () => {
    const e2e = useNamespace(world, { name: `remote-${node}`, node });

    const kubectl = (): string[] => [
      ...kubernetes('kubectl'),
      `--kubeconfig=${world.plane.kubeconfig}`,
      '-n',
      e2e.name,
    ];

    it('follows a log line by line to its end, and shows the previous one', async () => {
      const talk = 'i=0; while [ $i -lt 20 ]; do echo line $i; i=$((i + 1)); sleep 0.1; done';
      await e2e.createPod('talks', { restartPolicy: 'Never', containers: [shell(talk)] });
      await e2e.wait('it to run', async () => (await e2e.pod('talks')).status.phase !== 'Pending');
      const lines = Array.from({ length: 20 }, (_, index) => `line ${index}\n`).join('');
      assert.equal(await e2e.kubectl(['logs', '-f', 'talks']), lines);
      assert.equal(await e2e.kubectl(['logs', '--tail=2', 'talks']), 'line 18\nline 19\n');
      const twice = `if [ -e /d/once ]; then echo second; ${SLEEP}; else touch /d/once; echo first; exit 1; fi`;
      await e2e.createPod('twice', {
        volumes: [{ name: 'd', emptyDir: {} }],
        containers: [shell(twice, { volumeMounts: [{ name: 'd', mountPath: '/d' }] })],
      });
      await e2e.wait('the restart', async () => (await e2e.container('twice'))?.restartCount === 1, 60_000);
      await e2e.waitReady('twice');
      assert.equal(await e2e.kubectl(['logs', 'twice']), 'second\n');
      assert.equal(await e2e.kubectl(['logs', '--previous', 'twice']), 'first\n');
    });

    it('carries exec, attach and what is typed into them', async () => {
      const command = kubectl();
      await e2e.createPod('types', { containers: [shell('exec cat', { stdin: true, stdinOnce: false })] });
      await e2e.waitReady('types');
      const typed = 'x'.repeat(200_000);
      assert.equal((await e2e.kubectl(['exec', '-i', 'types', '--', 'cat'], typed)).length, typed.length);
      const attached = await outcome(
        // the runtime ends what it shows as soon as nothing more can be typed
        ['sh', '-c', '(echo echoed; sleep 3) | timeout 10 "$@"', 'sh', ...command, 'attach', '-i', 'types'],
      );
      assert.match(attached.stdout, /echoed/);
    });

    it('is where its host is: for pods, their probes and whoever looks for it', async () => {
      const { address } = world.remote(node);
      const httpGet = { path: '/', port: 8088 };
      const probe = { httpGet, periodSeconds: 1 };
      await e2e.createPod('on-host', {
        hostNetwork: true,
        containers: [
          shell(WEB.replace('8080', '8088'), {
            readinessProbe: probe,
            // one that is led elsewhere fails; one that waits on a busy machine does not
            livenessProbe: { ...probe, failureThreshold: 1, initialDelaySeconds: 3, timeoutSeconds: 20 },
            env: [
              { name: 'HOST', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } },
              { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
            ],
          }),
        ],
      });
      await e2e.waitReady('on-host');
      const { hostIP, hostIPs, podIP, containerStatuses } = (await e2e.pod('on-host')).status;
      assert.deepEqual([hostIP, hostIPs, podIP], [address, [{ ip: address }], address]);
      assert.equal(containerStatuses?.[0]?.restartCount, 0);
      const told = await e2e.kubectl(['exec', 'on-host', '--', 'sh', '-c', 'echo $HOST $POD']);
      assert.equal(told, `${address} ${address}\n`);
      const { status } = await world.client.get<KubeNode>(paths.node(node));
      assert.deepEqual(status?.addresses, [
        { type: 'InternalIP', address: '127.0.0.1' },
        { type: 'ExternalIP', address },
        { type: 'Hostname', address: node },
      ]);
      await e2e.deletePods('on-host');
    });

    it('probes and forwards from the side of the host', async () => {
      await e2e.createPod('web', {
        containers: [
          shell(WEB, {
            readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
            livenessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
          }),
        ],
      });
      await e2e.waitReady('web');
      const { podIP = '' } = (await e2e.pod('web')).status;
      const route = await run(['ip', 'route', 'get', podIP]);
      assert.doesNotMatch(route, /farletv/, 'a pod of the host can only be reached from the host');
      const logFile = `${world.folder}/forward-${node}.log`;
      const forward = start('port-forward', [...kubectl(), 'port-forward', 'pod/web', ':8080'], { logFile });
      try {
        const port = await e2e.wait('the forward', () =>
          Promise.resolve(/127\.0\.0\.1:(\d+) ->/.exec(tail(logFile))?.[1]),
        );
        const answer = await run(['curl', '-s', '--noproxy', '*', '-m', '10', `http://127.0.0.1:${port}/`]);
        assert.equal(answer, 'hello from inside\n');
      } finally {
        await forward.stop();
      }
      await e2e.createPod('deaf', {
        containers: [shell(SLEEP, { readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } })],
      });
      await e2e.waitEvent(
        'deaf',
        'Unhealthy',
        /Readiness probe failed: dial tcp .*: connect: connection refused/,
      );
    });
  });
}

describe('farlet check', () => {
  const check = (file: string): Promise<Outcome> =>
    outcome([
      ...[process.execPath, 'dist/main.js', 'check', '--config', file],
      ...['--kubeconfig', world.plane.kubeconfig],
    ]);

  it('finds far hosts in order, and leaves nothing on them', async () => {
    const { stdout, code } = await check(world.farlet.configFile);
    assert.equal(code, 0, stdout);
    for (const node of world.nodes)
      for (const what of [
        'link',
        'runtime',
        'latency',
        'handlers',
        'RuntimeReady',
        'NetworkReady',
        'sandbox',
        'streaming',
      ])
        assert.match(stdout, new RegExp(`^ok +${node}/box ${what}`, 'm'));
    for (const node of world.nodes)
      for (const what of ['files', 'logs', 'tmpfs', 'rights', 'clock', 'cgroups', 'dial'])
        assert.match(stdout, new RegExp(`^ok +${node}/box ${what}`, 'm'));
    const ofCheck = ['containers', 'ls', '-q', 'labels."farlet.dev/helper-cluster"==farlet-check'];
    for (const node of world.nodes) {
      assert.equal((await world.remote(node).ctr(ofCheck)).trim(), '');
      const left = await world
        .remote(node)
        .inside(['find', '/var/lib/farlet', '/var/log', '-name', '.check*']);
      assert.equal(left.stdout, '');
    }
  });

  it('says within its deadline that a host is silent, and what to do', async () => {
    const [silent] = world.nodes.map((node) => world.remote(node));
    assert.ok(silent);
    await silent.cutLink();
    try {
      const began = performance.now();
      const { stdout, code } = await check(world.farlet.configFile);
      assert.ok(performance.now() - began < 90_000);
      assert.equal(code, 1);
      assert.match(
        stdout,
        new RegExp(`^FAIL +${silent.name}/box link +ssh:.*\\n +-> no packet comes back: `, 'm'),
      );
      for (const node of world.nodes.slice(1))
        assert.match(stdout, new RegExp(`^ok +${node}/box streaming`, 'm'));
    } finally {
      await silent.mendLink();
    }
  });

  it('tells a host without sshd', async () => {
    const ssh = world.remote('ssh-2');
    await ssh.stopSshd();
    try {
      const { stdout, code } = await check(world.farlet.configFile);
      assert.equal(code, 1);
      assert.match(
        stdout,
        /^FAIL +ssh-2\/box link +ssh:.*ECONNREFUSED.*\n +-> nothing listens there: is sshd running/m,
      );
    } finally {
      await ssh.startSshd();
    }
  });

  it('shows the fingerprint of a host whose key is not known, and what to do', async () => {
    const config = JSON.parse(readFileSync(world.farlet.configFile, 'utf8')) as {
      nodes: { hosts: { ssh?: { knownHostsFile: string } }[] }[];
    };
    const [remote] = world.nodes.map((node) => world.remote(node));
    assert.ok(remote);
    const empty = `${world.folder}/empty_known_hosts`;
    writeFileSync(empty, '');
    for (const { hosts } of config.nodes)
      for (const { ssh } of hosts) if (ssh !== undefined) ssh.knownHostsFile = empty;
    const file = `${world.folder}/unknown.yaml`;
    writeFileSync(file, JSON.stringify(config));
    const { stdout, code } = await check(file);
    const print =
      (await remote.inside(['ssh-keygen', '-lf', '/etc/ssh/host_key'])).stdout.split(' ')[1] ?? '';
    assert.equal(code, 1);
    assert.ok(print.startsWith('SHA256:') && stdout.includes(print), stdout);
    assert.match(stdout, /is not in .*empty_known_hosts; if it is the right one, add it: /);
  });
});
