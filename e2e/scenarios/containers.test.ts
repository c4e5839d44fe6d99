/**
 * What becomes of containers and sandboxes that die, are debugged, hooked or taken away, and what is told of
 * it: here (`make test`) or over ssh or tcp (`make test-remote`).
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { before, describe, it } from 'node:test';
import { connectCri } from '../../src/hosts/cri/connect.ts';
import { linkHosts, nearAddress } from '../harness/link-hosts.ts';
import { useNamespace, type Namespace } from '../harness/namespace.ts';
import { shell, SLEEP } from '../harness/pods.ts';
import { sandboxesAndContainers, type Held } from '../harness/runtime-view.ts';
import { useWatched, type Watched } from '../harness/watched.ts';
import { useWorld } from '../harness/world.ts';

const world = useWorld({ hosts: linkHosts });
const named = (name: string, command: string, more: object = {}): object => shell(command, { name, ...more });

interface Stage {
  readonly node: string;
  readonly space: Namespace;
  readonly seen: Watched;
}

const stages: Stage[] = [];

/** The address that packets of the host to elsewhere leave from. */
async function source(node: string): Promise<string | undefined> {
  const { stdout } = await world.host(node).inside(['ip', '-o', 'route', 'get', '198.51.100.1']);
  return / src (\S+)/.exec(stdout)?.[1];
}

describe('containers', { concurrency: true }, () => {
  for (const node of world.nodes) {
    describe(`on ${node}`, { concurrency: true }, () => {
      const space = useNamespace(world, { name: `containers-${node}`, node });
      const seen = useWatched(world, space);
      stages.push({ node, space, seen });
      const state = (pod: string, name?: string): object | undefined => seen.container(pod, name)?.state;
      const running = (pod: string, name?: string): Promise<unknown> =>
        seen.until(
          `${name ?? 'the container'} of ${pod} to run`,
          () => seen.container(pod, name)?.state.running,
        );
      const phase = (pod: string, wanted: string): Promise<unknown> =>
        seen.until(`${pod} to be ${wanted}`, () => seen.pod(pod).status.phase === wanted);

      it('debugs a running container from within its process namespace, once', async () => {
        await space.createPod('debugged', { containers: [shell('exec sleep 7777')] });
        await running('debugged');
        const debug = (name: string, ...command: string[]): Promise<string> => {
          const from = [
            'debug',
            'debugged',
            '--image=localhost/busybox:1',
            '--profile=general',
            '--target=c',
          ];
          return space.kubectl([...from, `--container=${name}`, '--', ...command]);
        };
        await debug('look', 'sh', '-c', 'ps -o pid,args; exec sleep 8888');
        await debug('once', 'sh', '-c', 'exit 3');
        await running('debugged', 'look');
        assert.match(await space.kubectl(['logs', 'debugged', '-c', 'look']), /^ *1 sleep 7777$/m);
        assert.match(
          await space.kubectl(['exec', 'debugged', '-c', 'look', '--', 'cat', '/proc/1/cmdline']),
          /^sleep.7777/,
        );
        const ended = await seen.until('the end of the other', () => {
          const found = seen.container('debugged', 'once');
          return found?.state.terminated === undefined ? undefined : found;
        });
        assert.partialDeepStrictEqual(ended.state.terminated, { exitCode: 3, reason: 'Error' });
        await space.kubectl([
          'exec',
          'debugged',
          '-c',
          'look',
          '--',
          'sh',
          '-c',
          'kill -9 $(pidof sleep | tr " " "\n" | grep -vx 1)',
        ]);
        await seen.until('the debugger to end', () => seen.container('debugged', 'look')?.state.terminated);
        // it has none of what tells of a part of the pod
        const { ready, restartCount } = seen.container('debugged', 'look') ?? assert.fail();
        assert.deepEqual([ready, restartCount], [false, 0]);
        assert.ok(!('started' in (seen.container('debugged', 'look') ?? {})));
        assert.equal(seen.container('debugged', 'once')?.containerID, ended.containerID);
        assert.equal(seen.condition('debugged', 'Ready')?.status, 'True');
        // they are written behind the status
        const starts = (): number =>
          seen.events('debugged').filter(({ reason }) => reason === 'Started').length;
        await seen.until('events of all starts', () => starts() >= 3);
        assert.equal(starts(), 3);
      });

      it('says so when there is nothing to debug', async () => {
        const absent = { image: 'localhost/absent:1', imagePullPolicy: 'Never' };
        await space.createPod('undebugged', { containers: [shell(), named('absent', SLEEP, absent)] });
        await seen.until(
          'the other to wait',
          () => seen.container('undebugged', 'absent')?.state.waiting?.reason === 'ErrImageNeverPull',
        );
        await space.kubectl([
          'debug',
          'undebugged',
          '--image=localhost/busybox:1',
          '--target=absent',
          '--container=look',
          '--',
          'true',
        ]);
        await seen.until(
          'the reason',
          () => seen.container('undebugged', 'look')?.state.waiting?.reason === 'CreateContainerConfigError',
        );
        assert.deepEqual(state('undebugged', 'look'), {
          waiting: {
            reason: 'CreateContainerConfigError',
            message: 'unable to find target container absent',
          },
        });
        await seen.untilEvent('undebugged', 'Failed', 'Error: unable to find target container absent');
      });

      it('makes a new sandbox for one that died, and begins with the init containers', async () => {
        await space.createPod('reborn', {
          initContainers: [named('first', 'true')],
          containers: [shell(), named('other', SLEEP)],
        });
        await running('reborn', 'other');
        await killSandbox(node, seen.pod('reborn').metadata.uid);
        await seen.untilEvent(
          'reborn',
          'SandboxChanged',
          'Pod sandbox changed, it will be killed and re-created.',
        );
        await seen.until('all to run again', () =>
          ['c', 'other'].every((name) => {
            const found = seen.container('reborn', name);
            return found?.restartCount === 1 && found.ready;
          }),
        );
        assert.equal(seen.container('reborn', 'first')?.restartCount, 1);
        assert.equal(seen.pod('reborn').status.phase, 'Running');
        const told = seen
          .history('reborn')
          .map(
            ({ status }) =>
              status.conditions?.find(({ type }) => type === 'PodReadyToStartContainers')?.status,
          );
        assert.deepEqual(
          told.filter((status, index) => status !== undefined && status !== told[index - 1]),
          ['False', 'True', 'False', 'True'],
        );
        const { sandboxes } = await held(node);
        const { uid } = seen.pod('reborn').metadata;
        assert.equal(sandboxes.filter((each) => each.uid === uid && each.ready).length, 1);
      });

      it('makes no new sandbox for a pod that runs once', async () => {
        await space.createPod('once', {
          restartPolicy: 'Never',
          containers: [shell('trap "exit 7" TERM; sleep 10000 & wait')],
        });
        await running('once');
        await killSandbox(node, seen.pod('once').metadata.uid);
        await phase('once', 'Failed');
        assert.partialDeepStrictEqual(state('once'), { terminated: { exitCode: 7, reason: 'Error' } });
        assert.equal(seen.container('once')?.restartCount, 0);
        assert.deepEqual(
          seen.events('once').filter(({ reason }) => reason === 'SandboxChanged'),
          [],
        );
      });

      it('takes what containers leave as their last words, and no more than there is room for', async () => {
        const file = (end: string): string =>
          `head -c 5000 /dev/zero | tr "\\0" x > /dev/termination-log; printf ${end} >> /dev/termination-log; exit 1`;
        const fallback = { terminationMessagePolicy: 'FallbackToLogsOnError' };
        await space.createPod('words', {
          restartPolicy: 'Never',
          containers: [
            named('lines', 'seq 1 100; exit 1', fallback),
            named('long', 'for i in $(seq 30); do printf "%0100d\\n" $i; done; exit 1', fallback),
            named('good', 'echo fine', fallback),
          ],
        });
        await space.createPod('word', { restartPolicy: 'Never', containers: [shell(file('END'))] });
        await space.createPod('many', {
          restartPolicy: 'Never',
          containers: ['a', 'b', 'd', 'e'].map((name) => named(name, file(`END${name}`))),
        });
        for (const pod of ['words', 'word', 'many']) await phase(pod, 'Failed');
        const message = (pod: string, name: string): string =>
          seen.container(pod, name)?.state.terminated?.message ?? '';
        assert.equal(
          message('words', 'lines'),
          Array.from({ length: 80 }, (_, index) => `${index + 21}\n`).join(''),
        );
        assert.equal(message('words', 'long').length, 2048);
        assert.match(message('words', 'long'), /0030\n$/);
        assert.equal(message('words', 'good'), '');
        assert.match(message('word', 'c'), /^x{4093}END$/);
        // 12 KiB for all of them
        for (const name of ['a', 'b', 'd', 'e']) assert.equal(message('many', name), 'x'.repeat(3072));
      });

      it('ends a pod sooner when its grace is cut short', async () => {
        await space.createPod('stubborn', {
          terminationGracePeriodSeconds: 200,
          containers: [shell('trap "" TERM; while true; do sleep 1; done')],
        });
        await running('stubborn');
        await space.kubectl(['delete', 'pod', 'stubborn', '--wait=false']);
        await seen.untilEvent('stubborn', 'Killing', 'Stopping container c');
        await space.kubectl(['delete', 'pod', 'stubborn', '--grace-period=1', '--wait=false']);
        await seen.until('it to go', () => seen.isGone('stubborn'));
        assert.partialDeepStrictEqual(state('stubborn'), { terminated: { exitCode: 137, reason: 'Error' } });
      });

      it('ends a pod by a deadline that it got later, and follows its generation', async () => {
        await space.createPod('bounded');
        await running('bounded');
        const generations = (): unknown[] => [
          seen.pod('bounded').status.observedGeneration,
          ...['Ready', 'Initialized', 'PodScheduled'].map(
            (type) => seen.condition('bounded', type)?.observedGeneration,
          ),
        ];
        await seen.until('the first generation', () => generations().every((each) => each === 1));
        await space.kubectl(['patch', 'pod', 'bounded', '-p', '{"spec":{"activeDeadlineSeconds":2}}']);
        await phase('bounded', 'Failed');
        const { reason, message } = seen.pod('bounded').status;
        assert.deepEqual(
          [reason, message],
          ['DeadlineExceeded', 'Pod was active on the node longer than the specified deadline'],
        );
        assert.deepEqual(generations(), [2, 2, 2, 2]);
        assert.equal(seen.condition('bounded', 'Ready')?.status, 'False');
      });

      it('is ready only once the conditions are that its gates name', async () => {
        const gate = 'example.com/routed';
        await space.createPod('gated', { readinessGates: [{ conditionType: gate }] });
        await seen.until(
          'the containers',
          () => seen.condition('gated', 'ContainersReady')?.status === 'True',
        );
        assert.partialDeepStrictEqual(seen.condition('gated', 'Ready'), {
          status: 'False',
          reason: 'ReadinessGatesNotReady',
          message: `corresponding condition of pod readiness gate "${gate}" does not exist.`,
        });
        const tell = async (status: string): Promise<void> => {
          const conditions = [{ type: gate, status }];
          await space.kubectl([
            'patch',
            'pod',
            'gated',
            '--subresource=status',
            '-p',
            JSON.stringify({ status: { conditions } }),
          ]);
        };
        await tell('True');
        await seen.until('readiness', () => seen.condition('gated', 'Ready')?.status === 'True', 20_000);
        await tell('False');
        await seen.until(
          'no readiness',
          () =>
            seen.condition('gated', 'Ready')?.message ===
            `the status of pod readiness gate "${gate}" is not "True", but False`,
          20_000,
        );
        assert.equal(seen.condition('gated', gate)?.status, 'False');
      });

      it('has a user namespace of its own where the runtime can, and is told no where it can not', async () => {
        const status = JSON.parse(
          await world.plane.kubectl(['get', 'node', node, '-o', 'jsonpath={.status}']),
        ) as { runtimeHandlers?: readonly { name: string; features: { userNamespaces?: boolean } }[] };
        await space.createPod('apart', { hostUsers: false });
        const can = status.runtimeHandlers?.find(({ name }) => name === '')?.features.userNamespaces === true;
        if (can) {
          await running('apart');
          assert.match(
            await space.kubectl(['exec', 'apart', '--', 'cat', '/proc/self/uid_map']),
            /^ *0 +[1-9]\d* +65536$/m,
          );
          return;
        }
        await seen.untilEvent(
          'apart',
          'FailedCreatePodSandBox',
          /^Failed to create pod sandbox: can't set `spec\.hostUsers: false`, runtime does not support user namespaces$/,
        );
        assert.deepEqual(state('apart'), { waiting: { reason: 'ContainerCreating' } });
        assert.equal(seen.pod('apart').status.phase, 'Pending');
      });

      it('gets from scheduler and admission what it declares to be able to', async () => {
        const rules = [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } }];
        await space.createPod('scheduled', {
          nodeName: undefined,
          nodeSelector: { 'kubernetes.io/hostname': node },
          tolerations: [{ operator: 'Exists' }],
          containers: [shell(SLEEP, { restartPolicy: 'Never', restartPolicyRules: rules })],
        });
        await running('scheduled');
        const resources = (cpu: string): object => ({ requests: { cpu }, limits: { cpu: '500m' } });
        await space.createPod('resized', {
          initContainers: [
            named('first', 'until [ -e /tmp/go ]; do sleep 1; done', { resources: resources('10m') }),
          ],
        });
        await running('resized', 'first');
        const patch = { spec: { initContainers: [{ name: 'first', resources: resources('20m') }] } };
        await space.kubectl(['patch', 'pod', 'resized', '--subresource=resize', '-p', JSON.stringify(patch)]);
        await seen.until(
          'the new request',
          () => seen.container('resized', 'first')?.resources?.requests?.cpu === '20m',
        );
        assert.partialDeepStrictEqual(seen.container('resized', 'first'), {
          restartCount: 0,
          allocatedResources: { cpu: '20m' },
        });
        await space.kubectl(['exec', 'resized', '-c', 'first', '--', 'touch', '/tmp/go']);
        await running('resized', 'c');
      });

      it('tells addresses of the pod and of its host', async () => {
        await space.createPod('addressed');
        await space.createPod('on-host', { hostNetwork: true });
        await running('addressed');
        await running('on-host');
        const { status } = seen.pod('addressed');
        const own = ['exec', 'addressed', '--', 'ip', '-o', '-4', 'address', 'show', 'dev', 'eth0'];
        assert.equal(/ inet ([\d.]+)\//.exec(await space.kubectl(own))?.[1], status.podIP);
        assert.deepEqual(status.podIPs, [{ ip: status.podIP }]);
        const ip = await source(node);
        assert.deepEqual([status.hostIP, status.hostIPs, status.qosClass], [ip, [{ ip }], 'BestEffort']);
        const onHost = seen.pod('on-host').status;
        assert.deepEqual([onHost.podIP, onHost.podIPs], [status.hostIP, status.hostIPs]);
      });

      describe('hooks', { concurrency: true }, () => {
        const asked: { path: string | undefined; headers: IncomingHttpHeaders; at: number }[] = [];
        const server = createServer((request, response) => {
          asked.push({ path: request.url, headers: request.headers, at: Date.now() });
          response.statusCode = 500;
          response.end();
        });
        let port = 0;
        before(async () => {
          const address = nearAddress(world.host(node));
          await new Promise<void>((resolve) => server.listen(0, address, resolve));
          port = (server.address() as AddressInfo).port;
          world.onEnd(() => server.close());
        });
        const hook = (path: string, more: object = {}): object => ({
          httpGet: {
            host: nearAddress(world.host(node)),
            port,
            path,
            httpHeaders: [{ name: 'X-Who', value: 'me' }],
            ...more,
          },
        });

        it('ask over HTTP whatever the answer, also where TLS was expected', async () => {
          await space.createPod('asks', {
            terminationGracePeriodSeconds: 10,
            containers: [
              shell(SLEEP, {
                lifecycle: { postStart: hook('/up', { scheme: 'HTTPS' }), preStop: hook('/down') },
              }),
            ],
          });
          await running('asks');
          await seen.untilEvent(
            'asks',
            'LifecycleHTTPFallback',
            `request to HTTPS lifecycle hook ${nearAddress(world.host(node))}:${port} got HTTP response, retry with HTTP succeeded`,
          );
          await space.kubectl(['delete', 'pod', 'asks', '--wait=false']);
          await seen.until('it to go', () => seen.isGone('asks'));
          const [up, down] = asked.filter(({ path }) => path === '/up' || path === '/down');
          assert.deepEqual([up?.path, down?.path], ['/up', '/down']);
          for (const { headers } of [up ?? assert.fail(), down ?? assert.fail()])
            assert.partialDeepStrictEqual(headers, {
              'user-agent': 'kube-lifecycle/1.36',
              'x-who': 'me',
              accept: '*/*',
            });
          assert.deepEqual(
            seen.events('asks').filter(({ reason }) => reason.startsWith('FailedP')),
            [],
          );
        });

        it('sleep before the container is told, within its grace', async () => {
          const lifecycle = { postStart: { sleep: { seconds: 1 } }, preStop: { sleep: { seconds: 3 } } };
          await space.createPod('sleeps', {
            terminationGracePeriodSeconds: 200,
            containers: [shell(SLEEP, { lifecycle })],
          });
          await running('sleeps');
          const began = Date.now();
          await space.kubectl(['delete', 'pod', 'sleeps', '--wait=false']);
          await seen.until('it to go', () => seen.isGone('sleeps'));
          const took = Date.now() - began;
          assert.ok(took >= 3_000 && took < 60_000, `${took} ms`);
        });

        it('that fail before a stop are told and hold nothing up', async () => {
          const lifecycle = { preStop: { exec: { command: ['sh', '-c', 'echo secret; exit 4'] } } };
          await space.createPod('fails', {
            terminationGracePeriodSeconds: 200,
            containers: [shell(SLEEP, { lifecycle })],
          });
          await running('fails');
          await space.kubectl(['delete', 'pod', 'fails', '--wait=false']);
          await seen.until('it to go', () => seen.isGone('fails'));
          const failed = await seen.untilEvent('fails', 'FailedPreStopHook');
          assert.deepEqual([failed.type, failed.message], ['Warning', 'PreStopHook failed']);
        });

        it('that fail after a start kill the container and say what failed', async () => {
          const lifecycle = { postStart: hook('/never', { port: 'none' }) };
          await space.createPod('unhooked', { containers: [shell(SLEEP, { lifecycle })] });
          const waiting = await seen.until('the reason', () => {
            const found = seen.container('unhooked')?.state.waiting;
            return found?.reason === 'PostStartHookError' ? found : undefined;
          });
          const { uid } = seen.pod('unhooked').metadata;
          assert.equal(
            waiting.message,
            `HTTP lifecycle hook (/never) for Container "c" in Pod "unhooked_${space.name}(${uid})" failed - error: strconv.Atoi: parsing "none": invalid syntax`,
          );
          await seen.untilEvent('unhooked', 'FailedPostStartHook', /^PostStartHook failed$/);
          await seen.untilEvent('unhooked', 'Killing', /^FailedPostStartHook$/);
        });
      });
    });
  }
});

describe('while farlet is down', () => {
  const path = (node: string): string => `${world.host(node).folder}/down`;
  const folder = (node: string): string => `${world.host(node).root()}${path(node)}`;

  before(async () => {
    for (const { node, space, seen } of stages) {
      mkdirSync(folder(node), { recursive: true });
      const volumes = [{ name: 'v', hostPath: { path: path(node) } }];
      const volumeMounts = [{ name: 'v', mountPath: '/v' }];
      const pods = ['deleted', 'forced', 'stolen', 'dead'];
      for (const pod of pods) {
        const says = `trap "echo ${pod} >> /v/ends; exit 0" TERM; sleep 10000 & wait`;
        const preStop = { exec: { command: ['sh', '-c', `echo ${pod} >> /v/stops`] } };
        await space.createPod(pod, {
          terminationGracePeriodSeconds: 5,
          volumes,
          containers: [shell(says, { volumeMounts, lifecycle: { preStop } })],
        });
      }
      for (const pod of pods) await seen.until(`${pod} to run`, () => seen.container(pod)?.state.running);
    }
    await world.farlet.stop('SIGKILL');
    for (const { node, space, seen } of stages) {
      await space.kubectl(['delete', 'pod', 'deleted', '--wait=false']);
      await space.kubectl(['delete', 'pod', 'forced', '--force', '--grace-period=0']);
      const cri = connectCri({ endpoint: { target: `unix:${socketOf(node)}` }, host: node });
      const id = (seen.container('stolen')?.containerID ?? '').replace('containerd://', '');
      await cri.removeContainer({ container_id: id }, { timeoutMs: 10_000 });
      cri.close();
      await killSandbox(node, seen.pod('dead').metadata.uid);
    }
    world.farlet.start();
  });

  for (const [index, node] of world.nodes.entries()) {
    const stage = (): Stage => stages[index] ?? assert.fail();
    const lines = (file: string): string[] =>
      readFileSync(`${folder(node)}/${file}`, 'utf8')
        .trimEnd()
        .split('\n');

    it(`a pod that was deleted ends as it asked to, and one whose object is gone too, on ${node}`, async () => {
      const { seen } = stage();
      await seen.until('the deleted one to go', () => seen.isGone('deleted'));
      assert.partialDeepStrictEqual(seen.container('deleted')?.state, {
        terminated: { exitCode: 0, reason: 'Completed' },
      });
      const { uid } = seen.pod('forced').metadata;
      const left = async (): Promise<boolean> => {
        const { sandboxes, containers } = await held(node);
        return [...sandboxes, ...containers].some((each) => each.uid === uid);
      };
      await stage().space.wait('nothing of the other to be left', async () => !(await left()));
      for (const file of ['stops', 'ends'])
        for (const pod of ['deleted', 'forced']) assert.ok(lines(file).includes(pod), `${pod} in ${file}`);
    });

    it(`a container that was taken away counts as lost, and begins again, on ${node}`, async () => {
      const { seen } = stage();
      await seen.until(
        'it to run again',
        () => seen.container('stolen')?.restartCount === 1 && seen.container('stolen')?.ready,
      );
      assert.deepEqual(seen.container('stolen')?.lastState?.terminated, {
        exitCode: 137,
        reason: 'ContainerStatusUnknown',
        message:
          'The container could not be located when the pod was deleted.  The container used to be Running',
        startedAt: null,
        finishedAt: null,
      });
      assert.ok(
        seen
          .history('stolen')
          .every(
            ({ status }, at, all) =>
              at === 0 || all[at - 1]?.status.phase !== 'Running' || status.phase === 'Running',
          ),
      );
    });

    it(`a sandbox that died is made again, on ${node}`, async () => {
      const { seen } = stage();
      await seen.until(
        'it to run again',
        () => seen.container('dead')?.restartCount === 1 && seen.container('dead')?.ready,
      );
      await seen.untilEvent('dead', 'SandboxChanged');
      rmSync(folder(node), { recursive: true });
    });
  }
});

/** Of the node's containerd, as it is reached here and not by farlet's link. */
function socketOf(node: string): string {
  const host = world.host(node);
  return `${host.root()}${host.socket}`;
}

function held(node: string): Promise<Held> {
  return sandboxesAndContainers(socketOf(node));
}

/** The process that holds a pod's namespaces dies, as by the kernel. */
async function killSandbox(node: string, uid: string): Promise<void> {
  const host = world.host(node);
  const { sandboxes } = await held(node);
  const id = sandboxes.find((each) => each.uid === uid && each.ready)?.id ?? assert.fail('no sandbox');
  await host.ctr(['tasks', 'kill', '-s', 'SIGKILL', id]);
}
