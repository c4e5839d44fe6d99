/**
 * Pods with a kernel of their own: gVisor's, beside those of runc, on a host over ssh. Kata's virtual
 * machines can't run on test machines; what farlet does for them is the same, and what it refuses is shown
 * with a handler of Kata's type.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { connectCri } from '../../src/hosts/cri/connect.ts';
import { openLink } from '../../src/hosts/open-link.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { systemClock } from '../../src/util/clock.ts';
import { FollowedFiles } from '../../src/util/followed-files.ts';
import { kubernetes } from '../harness/cache.ts';
import { useNamespace } from '../harness/namespace.ts';
import { shell, SLEEP } from '../harness/pods.ts';
import { outcome, run, start, tail } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';

const node = 'sandboxed';
const world = useWorld({
  hosts: [{ name: node, version: '2', link: 'ssh', gvisor: true }],
  farlet: { node: () => ({ labels: { 'katacontainers.io/kata-runtime': 'true' } }) },
});
const GVISOR_KERNEL = '4.19.0-gvisor';
const WEB = 'mkdir /w && echo hello from inside >/w/index.html && exec httpd -f -p 8080 -h /w';
const classes: readonly { name: string; handler: string; overhead?: Record<string, string> }[] = [
  { name: 'gvisor', handler: 'gvisor', overhead: { cpu: '50m', memory: '64Mi' } },
  { name: 'huge', handler: 'gvisor', overhead: { memory: '100Ti' } },
  { name: 'nowhere', handler: 'nope' },
];

describe('pods with a kernel of their own', () => {
  const e2e = useNamespace(world, { name: 'sandboxed', node });
  before(async () => {
    for (const { name, handler, overhead } of classes)
      await e2e.create({
        apiVersion: 'node.k8s.io/v1',
        kind: 'RuntimeClass',
        metadata: { name },
        handler,
        ...(overhead === undefined ? {} : { overhead: { podFixed: overhead } }),
      });
    // the class kata, and a pod of it
    await e2e.kubectl(['apply', '-f', 'examples/kata.yaml']);
  });

  /** The reason and message of a pod that was not taken. */
  async function refusal(name: string, spec: object): Promise<string> {
    await e2e.createPod(name, spec);
    const { status } = await e2e.wait(`${name} to be refused`, async () => {
      const pod = await e2e.pod(name);
      return pod.status.phase === 'Failed' && pod;
    });
    await e2e.waitEvent(name, status.reason ?? '');
    assert.equal(status.containerStatuses, undefined);
    return `${status.reason ?? ''}: ${status.message ?? ''}`;
  }

  /** What a forwarded port answers, and what kubectl said meanwhile. */
  async function forwarded(pod: string, port: number): Promise<{ body: string; said: string }> {
    const logFile = `${world.folder}/forward-${pod}-${String(port)}.log`;
    const kubectl = [...kubernetes('kubectl'), `--kubeconfig=${world.plane.kubeconfig}`, '-n', e2e.name];
    const forward = start('port-forward', [...kubectl, 'port-forward', `pod/${pod}`, `:${String(port)}`], {
      logFile,
    });
    try {
      const local = await e2e.wait('the forward', () =>
        Promise.resolve(/127\.0\.0\.1:(\d+) ->/.exec(tail(logFile))?.[1]),
      );
      const url = `http://127.0.0.1:${local}/`;
      const { stdout } = await outcome(['curl', '-s', '--noproxy', '*', '-m', '10', url]);
      return { body: stdout, said: tail(logFile) };
    } finally {
      await forward.stop();
    }
  }

  describe('a host with gVisor beside runc', () => {
    it('tells its handlers', async () => {
      const text = await world.plane.kubectl([
        'get',
        'node',
        node,
        '-o',
        'jsonpath={.status.runtimeHandlers[*].name}',
      ]);
      assert.deepEqual(text.trim().split(' ').sort(), ['gvisor', 'kata', 'runc']);
    });

    it('is explained by farlet check', async () => {
      const { stdout, code } = await outcome([
        ...[process.execPath, 'dist/main.js', 'check', '--config', world.farlet.configFile],
        ...['--kubeconfig', world.plane.kubeconfig],
      ]);
      assert.equal(code, 0, stdout);
      assert.match(
        stdout,
        /^ok +sandboxed\/box handlers +gvisor \(own kernel\), kata \(own kernel\), runc$/m,
      );
    });

    it('runs a pod on a kernel of its own, by its RuntimeClass, and one of runc beside it', async () => {
      const tell = `uname -r; ${SLEEP}`;
      await e2e.createPod('inside', { runtimeClassName: 'gvisor', containers: [shell(tell)] });
      await e2e.createPod('beside', { containers: [shell(tell)] });
      await e2e.waitReady('inside', 60_000);
      await e2e.waitReady('beside');
      assert.equal(await e2e.kubectl(['logs', 'inside']), `${GVISOR_KERNEL}\n`);
      assert.equal(await e2e.kubectl(['exec', 'inside', '--', 'uname', '-r']), `${GVISOR_KERNEL}\n`);
      assert.equal(await e2e.kubectl(['logs', 'beside']), await run(['uname', '-r']));
      const failed = await e2e.tryKubectl(['exec', 'inside', '--', 'sh', '-c', 'echo no >&2; exit 3']);
      assert.deepEqual([failed.code, failed.stderr.split('\n')[0]], [3, 'no']);
      const typed = 'x'.repeat(100_000);
      assert.equal(await e2e.kubectl(['exec', '-i', 'inside', '--', 'cat'], typed), typed);
    });

    it('hands the runtime the handler, the overhead and the annotations', async () => {
      const annotations = {
        'io.katacontainers.config.hypervisor.default_memory': '256',
        'dev.gvisor.internal.x': 'y',
        'example.com/other': 'z',
      };
      await e2e.createPod('told', { runtimeClassName: 'gvisor' }, { annotations });
      await e2e.waitReady('told', 60_000);
      const { uid } = (await e2e.pod('told')).metadata;
      const { name, endpoint, ssh } = world.remote(node);
      const log = createLog({ level: 'warn', format: 'json' });
      const link = openLink(
        { name, endpoint, ssh },
        {
          followed: new FollowedFiles({ clock: systemClock, log }),
          clock: systemClock,
          log,
          owner: { node, cluster: 'test' },
          cgroupDriver: 'cgroupfs',
        },
      );
      const cri = connectCri({ endpoint: link.cri(), host: name });
      try {
        const filter = { label_selector: { 'io.kubernetes.pod.uid': uid } };
        const [sandbox] = (await cri.listPodSandbox({ filter }, { timeoutMs: 10_000 })).items;
        assert.equal(sandbox?.runtime_handler, 'gvisor');
        const { info } = await cri.podSandboxStatus(
          { pod_sandbox_id: sandbox.id, verbose: true },
          { timeoutMs: 10_000 },
        );
        const { config, runtimeSpec, runtimeType } = JSON.parse(info.info ?? '{}') as {
          config: { annotations: Record<string, string>; linux: { overhead: Record<string, number> } };
          runtimeSpec: { annotations: Record<string, string> };
          runtimeType: string;
        };
        assert.equal(runtimeType, 'io.containerd.runsc.v1');
        const { overhead } = config.linux;
        assert.deepEqual([overhead.cpu_quota, overhead.memory_limit_in_bytes], [5_000, 64 * 1024 * 1024]);
        for (const [key, value] of Object.entries(annotations)) assert.equal(config.annotations[key], value);
        // of the runtime's pod_annotations
        assert.equal(runtimeSpec.annotations['io.katacontainers.config.hypervisor.default_memory'], '256');
        assert.equal(runtimeSpec.annotations['example.com/other'], undefined);
      } finally {
        cri.close();
        await link.close();
      }
    });

    it('probes it by http, tcp and exec', async () => {
      const every = { periodSeconds: 1, failureThreshold: 3 };
      await e2e.createPod('web', {
        runtimeClassName: 'gvisor',
        containers: [
          shell(WEB, {
            startupProbe: {
              exec: { command: ['test', '-e', '/w/index.html'] },
              ...every,
              failureThreshold: 30,
            },
            readinessProbe: { httpGet: { path: '/', port: 8080 }, ...every },
            livenessProbe: { tcpSocket: { port: 8080 }, ...every },
          }),
        ],
      });
      await e2e.waitReady('web', 60_000);
      const probes = { httpGet: { path: '/none', port: 8080 }, ...every };
      await e2e.createPod('wrong', {
        runtimeClassName: 'gvisor',
        containers: [
          shell(WEB, { readinessProbe: probes }),
          shell(SLEEP, { name: 'deaf', livenessProbe: { tcpSocket: { port: 8081 }, ...every } }),
          shell(SLEEP, { name: 'no', readinessProbe: { exec: { command: ['false'] }, ...every } }),
        ],
      });
      await e2e.waitEvent(
        'wrong',
        'Unhealthy',
        'Readiness probe failed: HTTP probe failed with statuscode: 404',
        60_000,
      );
      await e2e.waitEvent(
        'wrong',
        'Unhealthy',
        /Liveness probe failed: dial tcp .*: connect: connection refused/,
      );
      await e2e.wait('the deaf one to be restarted', async () => {
        const deaf = await e2e.container('wrong', 'deaf');
        return deaf !== undefined && deaf.restartCount > 0;
      });
      assert.equal((await e2e.container('web'))?.restartCount, 0);
    });

    it('forwards its ports by way of its address, and says what can not be forwarded', async () => {
      const serving = (port: string): object => ({
        readinessProbe: { exec: { command: ['wget', '-q', '-O-', `127.0.0.1:${port}`] }, periodSeconds: 1 },
      });
      const inLoopback =
        'mkdir /w && echo only inside >/w/index.html && exec httpd -f -p 127.0.0.1:9090 -h /w';
      await e2e.createPod('serves', {
        runtimeClassName: 'gvisor',
        containers: [shell(WEB, serving('8080')), shell(inLoopback, { name: 'lo', ...serving('9090') })],
      });
      await e2e.createPod('runc-lo', { containers: [shell(inLoopback, serving('9090'))] });
      await e2e.waitReady('serves', 60_000);
      await e2e.waitReady('runc-lo');
      const reached = await forwarded('serves', 8080);
      assert.equal(reached.body, 'hello from inside\n', reached.said);
      // the runtime does this one, and reaches the loopback
      assert.equal((await forwarded('runc-lo', 9090)).body, 'only inside\n');
      const none = await forwarded('serves', 9090);
      assert.equal(none.body, '');
      assert.match(
        none.said,
        /error forwarding port 9090 to pod serves, uid : dial tcp .*:9090: connect: connection refused; with runtime handler gvisor only what listens on the pod's address/,
      );
    });

    it('keeps its volumes up to date', async () => {
      const data = (value: string): string => JSON.stringify({ data: { key: value } });
      await e2e.create({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'map' },
        data: { key: 'one' },
      });
      const volumeMounts = [
        { name: 'map', mountPath: '/map' },
        { name: 'mem', mountPath: '/mem' },
      ];
      await e2e.createPod('reads', {
        runtimeClassName: 'gvisor',
        volumes: [
          { name: 'map', configMap: { name: 'map' } },
          { name: 'mem', emptyDir: { medium: 'Memory', sizeLimit: '8Mi' } },
        ],
        containers: [shell(`echo kept >/mem/file; ${SLEEP}`, { volumeMounts })],
      });
      await e2e.waitReady('reads', 60_000);
      const cat = async (file: string): Promise<string> => e2e.kubectl(['exec', 'reads', '--', 'cat', file]);
      assert.equal(await cat('/map/key'), 'one');
      assert.equal(await cat('/mem/file'), 'kept\n');
      assert.ok((await cat('/var/run/secrets/kubernetes.io/serviceaccount/token')).length > 100);
      await e2e.kubectl(['patch', 'configmap', 'map', '-p', data('two')]);
      await e2e.wait('the new value', async () => (await cat('/map/key')) === 'two', 120_000);
    });

    it('stops it with its grace, and leaves nothing', async () => {
      const slow = 'trap "echo stopping; sleep 1; exit 7" TERM; echo up; sleep 10000 & wait';
      await e2e.createPod('leaves', {
        runtimeClassName: 'gvisor',
        restartPolicy: 'Never',
        terminationGracePeriodSeconds: 20,
        containers: [shell(slow)],
      });
      await e2e.waitReady('leaves', 60_000);
      const id = (await e2e.container('leaves'))?.containerID?.replace('containerd://', '') ?? 'none';
      assert.ok((await world.host(node).containers()).includes(id));
      const begun = performance.now();
      await e2e.kubectl(['delete', 'pod', 'leaves', '--timeout=60s']);
      assert.ok(performance.now() - begun < 15_000, 'it ended by itself, well within its grace');
      await e2e.wait(
        'its container to be gone',
        async () => !(await world.host(node).containers()).includes(id),
      );
    });
  });

  describe('what such a host can not run is refused', () => {
    it('a handler that it does not have', async () => {
      assert.match(
        await refusal('nowhere', { runtimeClassName: 'nowhere' }),
        /^RuntimeHandlerNotFound: Pod was rejected: host box has no runtime handler "nope" \(RuntimeClass nowhere\), only: (gvisor|kata|runc), /,
      );
    });

    for (const [name, spec, what] of [
      ['vm-network', { runtimeClassName: 'kata', hostNetwork: true }, 'hostNetwork'],
      ['vm-pid', { runtimeClassName: 'kata', hostPID: true }, 'hostPID'],
      ['safe-network', { runtimeClassName: 'gvisor', hostNetwork: true }, 'hostNetwork'],
      [
        'vm-socket',
        {
          runtimeClassName: 'kata',
          volumes: [{ name: 'cri', hostPath: { path: '/run/containerd/containerd.sock', type: 'Socket' } }],
        },
        'hostPath of type Socket (volume cri)',
      ],
    ] as const)
      it(`${what} with a kernel of its own (${spec.runtimeClassName})`, async () => {
        const text = await refusal(name, spec);
        const expected = `RuntimeHandlerUnsupported: Pod was rejected: ${what} can not be had with runtime handler "${spec.runtimeClassName}" of host box: `;
        assert.ok(text.startsWith(expected), text);
      });

    it('but not what a kernel of its own does not concern', async () => {
      await e2e.createPod('runc-socket', {
        volumes: [{ name: 'cri', hostPath: { path: '/run/containerd/containerd.sock', type: 'Socket' } }],
      });
      await e2e.waitReady('runc-socket');
    });

    it('overhead counts when room is looked for', async () => {
      assert.match(
        await refusal('too-much', { runtimeClassName: 'huge' }),
        /^OutOfmemory: Pod was rejected: /,
      );
    });

    it('and what the runtime refuses is told, of the pod in the documentation', async () => {
      await e2e.waitEvent('in-a-vm', 'FailedCreatePodSandBox', /containerd-shim-kata-v2/);
      const { spec } = JSON.parse(await e2e.kubectl(['get', 'pod', 'in-a-vm', '-o', 'json'])) as {
        spec: { nodeName: string; overhead: Record<string, string> };
      };
      assert.deepEqual([spec.nodeName, spec.overhead], [node, { cpu: '250m', memory: '160Mi' }]);
    });
  });
});
