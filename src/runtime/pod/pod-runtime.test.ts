import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerConfig } from '../../hosts/cri/generated/runtime/v1/ContainerConfig.ts';
import type { PodSandboxConfig } from '../../hosts/cri/generated/runtime/v1/PodSandboxConfig.ts';
import { podContainers } from '../../model/containers.ts';
import { FarletError } from '../../model/errors.ts';
import type { Container, Pod, PodSpec } from '../../model/kube.ts';
import type { PodActions } from '../../model/pod-actions.ts';
import { annotations } from '../../model/labels.ts';
import type { Deeds, ObservedContainer, PodRuntimeState } from '../../model/runtime-state.ts';
import { criFault, FakeCri, FakeEvents, FakeFiles, fakeHost, openAccess } from '../../testing/fake-host.ts';
import {
  container,
  FakeClock,
  linuxHost,
  pod,
  quietLog,
  runtimeSettings,
  sandbox,
  settle,
} from '../../testing/fixtures.ts';
import { ContainerRemover } from '../gc/container-remover.ts';
import type { RuntimeMetrics } from '../spec/providers.ts';
import { HookRunner } from '../stop/hook-runner.ts';
import { ContainerKiller } from '../stop/container-killer.ts';
import { PodRuntime } from './pod-runtime.ts';
import { ImagePuller } from '../images/image-puller.ts';
import type { PodRuntimeOptions } from '../start/pod-runtime-options.ts';
import { PullRate } from '../images/pull-rate.ts';
import { RestartBackoff } from '../decide/restart-backoff.ts';
import { StartErrors } from '../start/start-errors.ts';
import { StartPermits } from '../start/start-permits.ts';
import { firstFailure, startedIds } from '../spec/steps.ts';
import type { PodSyncInput } from '../start/sync-input.ts';

const { signal } = new AbortController();
const logs = '/var/log/pods/default_web_uid-web';

function setUp(
  answers: ConstructorParameters<typeof FakeCri>[0] = {},
  change: Partial<PodRuntimeOptions> = {},
) {
  const cri = new FakeCri(answers);
  const files = new FakeFiles();
  const events = new FakeEvents();
  const clock = new FakeClock();
  const counted: string[] = [];
  const rate = new PullRate({ perSecond: 0, burst: 0 });
  const host = fakeHost(cri, files);
  const settings = runtimeSettings();
  const { paths } = settings;
  const metrics: RuntimeMetrics = {
    podStarting: () => counted.push('pod'),
    podStartFailed: () => counted.push('pod failed'),
    sandboxRun: ({ failed }) => counted.push(failed ? 'sandbox failed' : 'sandbox'),
    containerStarting: (type) => counted.push(type),
    containerStartFailed: (type, code) => counted.push(`${type} ${code}`),
    hookFellBack: () => counted.push('hook fell back'),
    sleepCut: () => counted.push('sleep cut'),
  };
  const shared = { cri: cri.client, events, metrics, clock, log: quietLog };
  const hooks = new HookRunner({ ...shared, dial: host.link.dial.bind(host.link) });
  const runtime = new PodRuntime({
    hooks,
    killer: new ContainerKiller({ ...shared, hooks }),
    remover: new ContainerRemover({ ...shared, files: host.link.files, paths }),
    host,
    settings,
    linuxHost: () => linuxHost(),
    node: () => ({
      name: 'edge-1',
      ips: ['192.0.2.1'],
      labels: {},
      capacity: {},
      allocatable: {},
      hugePageSizes: [],
      kernelVersion: '',
    }),
    nodeReference: { kind: 'Node', name: 'edge-1' },
    images: new ImagePuller({ cri: cri.client, events, clock, width: 1, rate, access: openAccess }),
    objects: {
      configMap: (_, name) => Promise.reject(new FarletError('not-found', `configmap "${name}" not found`)),
      secret: () => Promise.resolve({ data: { K: btoa('hush') } }),
    },
    services: { synced: () => true, services: () => [] },
    hostDns: () => Promise.resolve(undefined),
    subPaths: { prepareSubPaths: () => Promise.resolve(new Map()) },
    restarts: new RestartBackoff({ maxMs: 300_000 }),
    events,
    metrics,
    told: () => Promise.resolve(undefined),
    starts: new StartPermits({ clock, width: () => 2, roundTripMs: () => 0 }),
    clock,
    log: quietLog,
    ...change,
  });
  return { cri, files, events, clock, counted, runtime };
}

function observed(change: Partial<PodRuntimeState> = {}): PodRuntimeState {
  const { uid, name, namespace } = pod().metadata;
  return { uid, name, namespace, sandboxes: [], containers: [], ips: [], observedAt: 0, ...change };
}

/** A sync that starts everything the pod has, in a new sandbox unless told otherwise. */
function sync(web: Pod, change: Partial<PodActions> = {}, input: Partial<PodSyncInput> = {}): PodSyncInput {
  const all = podContainers(web);
  const actions: PodActions = {
    killPod: false,
    createSandbox: true,
    sandbox: undefined,
    attempt: 0,
    kill: [],
    reset: [],
    startEphemeral: all.filter(({ type }) => type === 'ephemeral_container'),
    startInit: all.filter(({ type }) => type === 'init_container'),
    start: all.filter(({ type }) => type === 'container'),
    ...change,
  };
  const volumes = new Map();
  return { pod: web, state: observed(), actions, volumes, pullSecrets: [], runtimeHandler: '', ...input };
}

/** Into the sandbox that is there. */
function again(web: Pod, containers: ObservedContainer[], change: Partial<PodActions> = {}): PodSyncInput {
  const state = observed({ sandboxes: [sandbox()], containers, ips: ['10.0.0.2'] });
  return sync(web, { createSandbox: false, sandbox: sandbox(), ...change }, { state });
}

const logged = { name: 'c', image: 'a:1', terminationMessagePath: '/dev/termination-log' };
const withSpec = (spec: Partial<PodSpec>): Pod => pod({ spec });

describe('a new pod', () => {
  it('starts in the recorded order, with its files before it', async () => {
    const { cri, files, events, counted, runtime } = setUp();
    const ready: unknown[] = [];
    const input = sync(
      withSpec({ containers: [logged] }),
      {},
      {
        onSandboxReady: ({ id }, ips) => {
          ready.push(id, ...ips, ...cri.names(['imageStatus']));
        },
      },
    );
    const result = await runtime.syncPod(input, { signal });
    assert.equal(firstFailure(result.steps), undefined);
    assert.deepEqual(
      result.steps.map(({ action, target }) => `${action} ${target}`),
      ['create-sandbox web_default(uid-web)', 'start-container c'],
    );
    assert.deepEqual(result.ips, ['10.0.0.7']);
    assert.equal(result.sandbox?.id, 'sandbox-1');
    assert.deepEqual(ready, ['sandbox-1', '10.0.0.7', 'runPodSandbox', 'podSandboxStatus']);
    assert.deepEqual(cri.names(['imageStatus']), [
      'runPodSandbox',
      'podSandboxStatus',
      'createContainer',
      'startContainer',
    ]);
    assert.equal(cri.names().filter((name) => name === 'imageStatus').length, 1);
    assert.deepEqual(events.seen, [
      'Normal Pulled spec.containers{c}: Container image "a:1" already present on machine and can be accessed by the pod',
      'Normal Created spec.containers{c}: Container created',
      'Normal Started spec.containers{c}: Container started',
    ]);
    assert.deepEqual(counted, ['pod', 'sandbox', 'container']);
    assert.deepEqual(files.paths('mkdir'), [
      logs,
      '/r/pods/uid-web',
      `${logs}/c`,
      '/r/pods/uid-web/containers/c',
    ]);
    assert.deepEqual(files.paths('symlink'), ['/var/log/containers/web_default_c-container-1.log']);
    assert.match(files.texts.get('/r/pods/uid-web/etc-hosts') ?? '', /10\.0\.0\.7\tweb\n$/);
    assert.equal(files.batches.length, 3);
  });

  it('does not wait for links to logs where somebody else does', async () => {
    const { files, runtime } = setUp();
    const gate = Promise.withResolvers<undefined>();
    files.hold = (batch) => (batch === 3 ? gate.promise : Promise.resolve());
    const work: Promise<void>[] = [];
    await runtime.syncPod(sync(pod(), {}, { alongside: (each) => work.push(each) }), { signal });
    assert.equal(files.paths('symlink').length, 1);
    gate.resolve(undefined);
    assert.equal((await Promise.all(work)).length, 1);
  });

  it('does not start a container before its hosts file is right', async () => {
    const { cri, files, runtime } = setUp();
    const gate = Promise.withResolvers<undefined>();
    files.hold = (batch) => (batch === 2 ? gate.promise : Promise.resolve());
    const syncing = runtime.syncPod(sync(pod()), { signal });
    await settle();
    assert.equal(cri.names().at(-1), 'createContainer');
    gate.resolve(undefined);
    await syncing;
    assert.equal(cri.names().at(-1), 'startContainer');
  });

  for (const { name, ips, hostNetwork, asks } of [
    { name: 'has the addresses that the runtime’s events tell', ips: ['10.0.0.9'], asks: false },
    { name: 'asks for its addresses where events lack them', ips: [], asks: true },
    { name: 'needs none on the host’s network', ips: [], hostNetwork: true, asks: false },
  ])
    it(name, async () => {
      const told = (_: string, { started: [id = ''] = [] }: Deeds) =>
        Promise.resolve(observed({ sandboxes: [sandbox({ id, ips })] }));
      const { cri, runtime } = setUp({}, { told });
      const web = withSpec({ containers: [logged], ...(hostNetwork && { hostNetwork }) });
      // what is new is to be killed first, as by a kubelet: there is nothing of it
      const { steps, ips: shown } = await runtime.syncPod(sync(web, { killPod: true }), { signal });
      assert.equal(cri.names().includes('podSandboxStatus'), asks);
      if (ips.length > 0) assert.deepEqual(shown, ips);
      assert.equal(startedIds(steps)?.length, 2);
    });

  it('says why it got no sandbox, with the whole gRPC text', async () => {
    const { cri, events, counted, runtime } = setUp({
      runPodSandbox: () => {
        throw criFault('no runtime for "nope" is configured');
      },
    });
    const { steps } = await runtime.syncPod(sync(pod()), { signal });
    const text = 'rpc error: code = Unknown desc = no runtime for "nope" is configured';
    assert.deepEqual(firstFailure(steps)?.message, text);
    assert.deepEqual(events.seen, [`Warning FailedCreatePodSandBox: Failed to create pod sandbox: ${text}`]);
    assert.deepEqual(counted, ['pod', 'sandbox failed', 'pod failed']);
    assert.ok(!cri.names().includes('createContainer'));
  });

  it('is refused aloud when it asks for what cannot be had', async () => {
    const { cri, events, runtime } = setUp();
    const { steps } = await runtime.syncPod(sync(withSpec({ hostUsers: false })), { signal });
    assert.equal(firstFailure(steps)?.code, 'CreatePodSandboxError');
    assert.equal(
      events.seen[0],
      "Warning FailedCreatePodSandBox: Failed to create pod sandbox: can't set `spec.hostUsers: false`, runtime does not support user namespaces",
    );
    assert.deepEqual(cri.names(), []);
  });

  it('has a user namespace of its own where the runtime can: the sandbox, its containers and their mounts', async () => {
    const handlers = [{ name: '', recursiveReadOnlyMounts: true, userNamespaces: true, ownKernel: false }];
    const info = { name: 'containerd', version: '2', handlers, supplementalGroupsPolicy: true };
    const cri = new FakeCri();
    const host = { ...fakeHost(cri, new FakeFiles()), runtime: () => info };
    const { runtime } = setUp({}, { host });
    const spec = { hostUsers: false, containers: [logged] };
    const { steps } = await runtime.syncPod(sync(withSpec(spec)), { signal });
    assert.equal(firstFailure(steps), undefined);
    const ids = [{ host_id: 65_536, container_id: 0, length: 65_536 }];
    const asked = (method: string): unknown =>
      cri.calls.find((call) => call.method === method)?.request.config;
    const created = asked('createContainer') as ContainerConfig | undefined;
    for (const config of [asked('runPodSandbox') as PodSandboxConfig | undefined, created])
      assert.deepEqual(config?.linux?.security_context?.namespace_options?.userns_options, {
        mode: 'POD',
        uids: ids,
        gids: ids,
      });
    assert.deepEqual(
      created?.mounts?.map(({ container_path, uidMappings, gidMappings }) => [
        container_path,
        uidMappings,
        gidMappings,
      ]),
      [
        ['/etc/hosts', ids, ids],
        ['/dev/termination-log', ids, ids],
      ],
    );
  });

  it("has the node's addresses and hosts file on the host's network", async () => {
    const { cri, files, runtime } = setUp();
    files.texts.set('/etc/hosts', '127.0.0.1 box\n');
    const env = [{ name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }];
    const web = withSpec({ hostNetwork: true, containers: [{ name: 'c', image: 'a', env }] });
    const { ips } = await runtime.syncPod(sync(web), { signal });
    assert.deepEqual(ips, ['192.0.2.1']);
    assert.match(
      files.texts.get('/r/pods/uid-web/etc-hosts') ?? '',
      /\(host network\)\.\n127\.0\.0\.1 box\n$/,
    );
    const { config } = cri.calls.find(({ method }) => method === 'createContainer')?.request as {
      config: { envs: { value: Buffer }[] };
    };
    assert.equal(config.envs[0]?.value.toString(), '192.0.2.1');
  });

  it('goes on from the logs of containers the runtime has forgotten', async () => {
    const { cri, files, runtime } = setUp();
    files.folders.set(`${logs}/c`, ['0.log', '1.log']);
    await runtime.syncPod(sync(pod()), { signal });
    const { config } = cri.calls.find(({ method }) => method === 'createContainer')?.request as {
      config: { metadata: object; log_path: string };
    };
    assert.deepEqual([config.metadata, config.log_path], [{ name: 'c', attempt: 2 }, 'c/2.log']);
  });

  it('an abort rejects with its reason and leaves no event', async () => {
    const stop = new AbortController();
    const { events, runtime } = setUp({
      runPodSandbox: (_: never, options) =>
        new Promise((_resolve, reject) => {
          options?.signal?.addEventListener('abort', () => {
            reject(new Error('call cancelled'));
          });
        }),
    });
    const syncing = runtime.syncPod(sync(pod()), { signal: stop.signal });
    await settle();
    stop.abort(new Error('pod deleted'));
    await assert.rejects(syncing, { message: 'pod deleted' });
    assert.deepEqual(events.seen, []);
  });
});

describe('containers that fail', () => {
  const two = withSpec({
    containers: [
      { name: 'a', image: 'a' },
      { name: 'b', image: 'b' },
    ],
  });
  const forA = (fault: string) => (request: { config?: { metadata: { name: string } } }) => {
    if (request.config?.metadata.name === 'a') throw criFault(fault);
    return { container_id: 'x' };
  };

  it('do not stop the others; events have the description alone', async () => {
    const { events, counted, runtime } = setUp({ createContainer: forA('no such path') });
    const { steps } = await runtime.syncPod(sync(two), { signal });
    assert.deepEqual(
      steps.map(({ target, error }) => `${target} ${error?.code ?? 'ok'} ${error?.message ?? ''}`),
      ['web_default(uid-web) ok ', 'a CreateContainerError no such path', 'b ok '],
    );
    assert.ok(events.seen.includes('Warning Failed spec.containers{a}: Error: no such path'));
    assert.ok(counted.includes('container CreateContainerError'));
  });

  it('to start have their id hidden', async () => {
    const { events, runtime } = setUp({
      startContainer: () => {
        throw criFault('container-1: exec: "/nope": not found');
      },
    });
    const { steps } = await runtime.syncPod(sync(pod()), { signal });
    assert.equal(firstFailure(steps)?.code, 'RunContainerError');
    assert.equal(events.seen.at(-1), 'Warning Failed spec.containers{c}: Error: c: exec: "/nope": not found');
  });

  const before: [name: string, change: Partial<Container>, code: string, message: RegExp][] = [
    [
      'a missing ConfigMap',
      { envFrom: [{ configMapRef: { name: 'cm' } }] },
      'CreateContainerConfigError',
      /^configmap "cm" not found$/,
    ],
    [
      'root',
      { securityContext: { runAsNonRoot: true } },
      'CreateContainerConfigError',
      /image will run as root/,
    ],
    [
      'a missing volume',
      { volumeMounts: [{ name: 'x', mountPath: '/x' }] },
      'CreateContainerConfigError',
      /cannot find volume "x"/,
    ],
  ];
  for (const [name, change, code, message] of before)
    it(`before they are made, for ${name}`, async () => {
      const { cri, events, runtime } = setUp();
      const web = withSpec({ containers: [{ name: 'c', image: 'a', ...change }] });
      const failure = firstFailure((await runtime.syncPod(sync(web), { signal })).steps);
      assert.equal(failure?.code, code);
      assert.match(failure.message, message);
      assert.equal(events.seen.length, 2);
      assert.equal(events.seen[1], `Warning Failed spec.containers{c}: Error: ${failure.message}`);
      assert.ok(!cri.names().includes('createContainer'));
    });

  it('for their image say only its reason', async () => {
    const { events, runtime } = setUp({
      pullImage: () => {
        throw criFault('refused');
      },
    });
    const web = withSpec({ containers: [{ name: 'c', image: 'a', imagePullPolicy: 'Always' }] });
    const failure = firstFailure((await runtime.syncPod(sync(web), { signal })).steps);
    assert.deepEqual([failure?.code, failure?.message], ['ErrImagePull', 'refused']);
    assert.equal(events.seen.at(-1), 'Warning Failed spec.containers{c}: Error: ErrImagePull');
  });

  it('for an image they mount', async () => {
    const { runtime } = setUp({
      imageStatus: ({ image }: { image: { image: string } }) => ({
        image: image.image === 'vol:1' ? null : { id: 'x', size: 1, uid: null, username: '' },
      }),
    });
    const web = withSpec({
      volumes: [{ name: 'v', image: { reference: 'vol:1', pullPolicy: 'Never' } }],
      containers: [
        { name: 'c', image: 'a', volumeMounts: [{ name: 'v', mountPath: '/v' }] },
        { name: 'd', image: 'a' },
      ],
    });
    const { steps } = await runtime.syncPod(sync(web), { signal });
    assert.deepEqual(
      steps.map(({ error }) => error?.code),
      [undefined, 'ErrImageNeverPull', undefined],
    );
  });

  it('when their files cannot be written', async () => {
    const { files, cri, runtime } = setUp();
    files.fail = new Error('disk full');
    const failure = firstFailure((await runtime.syncPod(sync(pod()), { signal })).steps);
    assert.deepEqual([failure?.code, failure?.message], ['CreateContainerConfigError', 'disk full']);
    assert.ok(!cri.names().includes('createContainer'));
  });

  it('after they started: the hook that fails takes them down', async () => {
    const { cri, events, runtime } = setUp({
      execSync: () => ({ exit_code: 9, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) }),
    });
    const postStart = { exec: { command: ['sh', '-c', 'exit 9'] } };
    const web = withSpec({
      terminationGracePeriodSeconds: 2,
      containers: [{ name: 'c', image: 'a', lifecycle: { postStart } }],
    });
    const failure = firstFailure((await runtime.syncPod(sync(web), { signal })).steps);
    assert.equal(failure?.code, 'PostStartHookError');
    assert.match(failure.message, /^Exec lifecycle hook \(\[sh -c exit 9\]\) .* exited with 9/);
    assert.deepEqual(events.seen.slice(-2), [
      'Warning FailedPostStartHook spec.containers{c}: PostStartHook failed',
      'Normal Killing spec.containers{c}: FailedPostStartHook',
    ]);
    assert.deepEqual(cri.calls.at(-1), {
      method: 'stopContainer',
      request: { container_id: 'container-1', timeout: 2 },
    });
  });

  it('while the pod initializes stop it, unless they are sidecars', async () => {
    for (const [restartPolicy, expected] of [
      [undefined, ['a']],
      ['Always', ['a', 'c']],
    ] as const) {
      const { runtime } = setUp({ createContainer: forA('no') });
      const init = { name: 'a', image: 'a', ...(restartPolicy && { restartPolicy }) };
      const { steps } = await runtime.syncPod(sync(withSpec({ initContainers: [init] })), { signal });
      assert.deepEqual(
        steps.slice(1).map(({ target }) => target),
        expected,
      );
    }
  });
});

describe('a pod that runs', () => {
  it('gets a changed container again with the next attempt', async () => {
    const { cri, events, runtime } = setUp();
    const old = container({ id: 'old', attempt: 3 });
    const kill = [
      {
        container: old,
        name: 'c',
        message: 'Container c definition changed, will be restarted',
        reason: 'changed' as const,
      },
    ];
    await runtime.syncPod(again(pod(), [old], { kill }), { signal });
    assert.deepEqual(cri.names(), ['stopContainer', 'imageStatus', 'createContainer', 'startContainer']);
    assert.deepEqual(
      events.seen[0],
      'Normal Killing spec.containers{c}: Container c definition changed, will be restarted',
    );
    const request = cri.calls[2]?.request as { pod_sandbox_id: string; config: { metadata: object } };
    assert.deepEqual([request.pod_sandbox_id, request.config.metadata], ['s1', { name: 'c', attempt: 4 }]);
  });

  it('starts what a start that was cut off has left, as it is', async () => {
    const { cri, events, runtime } = setUp();
    const left = container({ id: 'left', state: 'created', attempt: 0 });
    await runtime.syncPod(again(pod(), [left]), { signal });
    assert.deepEqual(cri.names(), ['imageStatus', 'startContainer']);
    assert.deepEqual(cri.calls.at(-1)?.request, { container_id: 'left' });
    assert.deepEqual(events.seen, ['Normal Started spec.containers{c}: Container started']);
  });

  const foreign: { what: string; left: Partial<ObservedContainer> }[] = [
    { what: 'of a former sandbox', left: { sandboxId: 's0' } },
    { what: 'of another image', left: { annotations: { [annotations.containerHash]: 'other' } } },
  ];
  for (const { what, left } of foreign) {
    it(`makes again what was left ${what}`, async () => {
      const { cri, runtime } = setUp();
      await runtime.syncPod(again(pod(), [container({ state: 'created', ...left })]), { signal });
      assert.deepEqual(cri.names(), ['imageStatus', 'createContainer', 'startContainer']);
    });
  }

  it('starts nothing after a kill that failed', async () => {
    const { cri, runtime } = setUp({
      stopContainer: () => {
        throw criFault('busy');
      },
    });
    const old = container();
    const kill = [{ container: old, name: 'c', message: 'x', reason: 'changed' as const }];
    const { steps } = await runtime.syncPod(again(pod(), [old], { kill }), { signal });
    assert.equal(firstFailure(steps)?.code, 'KillContainerError');
    assert.deepEqual(cri.names(), ['stopContainer']);
  });

  it('waits for a container that ended too often, without touching the host', async () => {
    const { cri, files, events, clock, runtime } = setUp();
    const exited = (): ObservedContainer => container({ state: 'exited', finishedAt: clock.now() * 1e6 });
    const ended = exited();
    await runtime.syncPod(again(pod(), [ended]), { signal });
    const [asked, written] = [cri.calls.length, files.batches.length];
    const second = exited();
    const { steps } = await runtime.syncPod(again(pod(), [second]), { signal });
    assert.deepEqual([cri.calls.length, files.batches.length], [asked, written]);
    assert.deepEqual(firstFailure(steps), {
      code: 'CrashLoopBackOff',
      message: 'back-off 10s restarting failed container=c pod=web_default(uid-web)',
      retryAt: clock.now() + 10_000,
      cause: undefined,
    });
    assert.equal(
      events.seen.at(-1),
      'Warning BackOff spec.containers{c}: Back-off restarting failed container c in pod web_default(uid-web)',
    );
  });

  it('writes the same files when a start is tried again', async () => {
    const { files, runtime } = setUp({
      createContainer: () => {
        throw criFault('no');
      },
    });
    const web = withSpec({ containers: [logged] });
    await runtime.syncPod(again(web, []), { signal });
    await runtime.syncPod(again(web, []), { signal });
    assert.equal(new Set(files.paths('write')).size, 2);
    assert.match(files.paths('write')[0] ?? '', /^\/r\/pods\/uid-web\/containers\/c\/[0-9a-f]{8}$/);
  });

  it('asks nothing when nothing is to be done', async () => {
    const { cri, files, runtime } = setUp();
    const idle = again(pod(), [container()], { start: [] });
    assert.deepEqual((await runtime.syncPod(idle, { signal })).steps, []);
    assert.deepEqual([cri.calls, files.batches], [[], []]);
  });

  it('gets a new sandbox after the old one is stopped, and its init containers again', async () => {
    const { cri, events, runtime } = setUp();
    const web = withSpec({ initContainers: [{ name: 'i', image: 'a' }] });
    const state = observed({
      sandboxes: [sandbox({ ready: false })],
      containers: [container(), container({ id: 'i1', name: 'i', state: 'exited' })],
    });
    const input = sync(
      web,
      { killPod: true, sandbox: sandbox({ ready: false }), attempt: 1, start: [] },
      { state },
    );
    await runtime.syncPod(input, { signal });
    assert.equal(
      events.seen[0],
      'Normal SandboxChanged: Pod sandbox changed, it will be killed and re-created.',
    );
    assert.deepEqual(cri.names(['imageStatus', 'podSandboxStatus']), [
      'stopContainer',
      'stopPodSandbox',
      'removeContainer',
      'runPodSandbox',
      'createContainer',
      'startContainer',
    ]);
    const { config } = cri.calls.find(({ method }) => method === 'runPodSandbox')?.request as {
      config: { metadata: { attempt: number } };
    };
    assert.equal(config.metadata.attempt, 1);
  });

  it('shows an ephemeral container the processes of its target', async () => {
    const { cri, runtime } = setUp();
    const web = withSpec({ ephemeralContainers: [{ name: 'dbg', image: 'a', targetContainerName: 'c' }] });
    await runtime.syncPod(again(web, [container({ id: 'target' })], { start: [] }), { signal });
    const { config } = cri.calls.find(({ method }) => method === 'createContainer')?.request as {
      config: { linux: { security_context: { namespace_options: object } } };
    };
    assert.partialDeepStrictEqual(config.linux.security_context.namespace_options, {
      pid: 'TARGET',
      target_id: 'target',
    });
  });
});

describe('start errors', () => {
  it('show the last failure until a start succeeds', () => {
    const errors = new StartErrors();
    const error = { code: 'ErrImagePull', message: 'x', cause: undefined };
    errors.update('u', [
      { action: 'start-container', target: 'a', error },
      { action: 'kill-container', target: 'b', error },
    ]);
    assert.deepEqual([errors.get('u', 'a'), errors.get('u', 'b')], [error, undefined]);
    errors.update('u', []);
    assert.equal(errors.get('u', 'a'), error);
    errors.update('u', [{ action: 'start-container', target: 'a' }]);
    assert.equal(errors.get('u', 'a'), undefined);
  });
});

describe('the only permit of a host', () => {
  const one = () => ({
    starts: new StartPermits({ clock: new FakeClock(), width: () => 1, roundTripMs: () => 0 }),
  });
  const named = (name: string, spec: Partial<Container> = {}): Pod =>
    pod({ metadata: { name, uid: name }, spec: { containers: [{ name: 'c', image: 'a:1', ...spec }] } });
  const never = (): Promise<never> => new Promise(() => undefined);

  it('is not held by a pod whose pull hangs', async () => {
    const { runtime } = setUp({ pullImage: never }, one());
    void runtime.syncPod(sync(named('pulls', { imagePullPolicy: 'Always' })), { signal });
    await settle();
    const { steps } = await runtime.syncPod(sync(named('other')), { signal });
    assert.deepEqual(
      steps.map(({ action, error }) => [action, error]),
      [
        ['create-sandbox', undefined],
        ['start-container', undefined],
      ],
    );
  });

  it('is not needed to stop a pod', async () => {
    const { cri, runtime } = setUp({ runPodSandbox: never }, one());
    void runtime.syncPod(sync(named('hangs')), { signal });
    await settle();
    const state = observed({ sandboxes: [sandbox()], containers: [container({ state: 'running' })] });
    await runtime.killPod({ pod: pod(), state }, { signal });
    assert.deepEqual(cri.names(['imageStatus']).slice(-2), ['stopContainer', 'stopPodSandbox']);
  });
});
