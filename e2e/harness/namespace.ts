/** A namespace of its own on one node, for the scenarios of one describe block. */
import { before } from 'node:test';
import type { TestHost } from './host.ts';
import { shell } from './pods.ts';
import { eventually, tail, type Outcome } from './processes.ts';
import type { World } from './world.ts';

export interface PodJson {
  metadata: { name: string; uid: string; deletionTimestamp?: string };
  status: {
    phase: string;
    reason?: string;
    message?: string;
    podIP?: string;
    podIPs?: { ip: string }[];
    hostIP?: string;
    hostIPs?: { ip: string }[];
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    containerStatuses?: ContainerStatusJson[];
    initContainerStatuses?: ContainerStatusJson[];
  };
}

export interface ContainerStatusJson {
  name: string;
  containerID?: string;
  restartCount: number;
  ready: boolean;
  state: ContainerStateJson;
  lastState?: ContainerStateJson;
  volumeMounts?: Readonly<Record<string, unknown>>[];
  allocatedResources?: Record<string, string>;
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
}

export interface ContainerStateJson {
  waiting?: { reason?: string; message?: string };
  running?: { startedAt: string };
  terminated?: { reason?: string; message?: string; exitCode: number; containerID?: string };
}

export interface EventJson {
  type: string;
  reason: string;
  message: string;
  count?: number;
  firstTimestamp?: string | null;
  metadata: { annotations?: Record<string, string> };
  involvedObject: { kind: string; name: string };
}

export interface Namespace {
  readonly name: string;
  readonly node: string;
  /** kubectl in this namespace; a non-zero exit is an error that shows stderr */
  readonly kubectl: (args: readonly string[], input?: string) => Promise<string>;
  readonly tryKubectl: (args: readonly string[], input?: string) => Promise<Outcome>;
  /** Creates any object. */
  readonly create: (object: object) => Promise<void>;
  /**
   * Creates a pod on the node (bound by nodeName): one container `c` that sleeps until told to stop, unless
   * spec says else.
   */
  readonly createPod: (name: string, spec?: object, metadata?: object) => Promise<void>;
  readonly pod: (name: string) => Promise<PodJson>;
  /** status of a container, by default of the first one */
  readonly container: (pod: string, name?: string) => Promise<ContainerStatusJson | undefined>;
  readonly isReady: (pod: string) => Promise<boolean>;
  /** events of one object, by its name; of all without one */
  readonly events: (name?: string) => Promise<EventJson[]>;
  /** Waits; a failure shows the pods, their YAML, events, and the logs of farlet and the host. */
  readonly wait: <T>(
    what: string,
    check: () => Promise<T | undefined | false>,
    timeoutMs?: number,
  ) => Promise<T>;
  readonly waitReady: (pod: string, timeoutMs?: number) => Promise<void>;
  /** Waits for an event on an object whose reason is this and whose message has this text or form. */
  readonly waitEvent: (
    object: string,
    reason: string,
    message?: string | RegExp,
    timeoutMs?: number,
  ) => Promise<EventJson>;
  /** Runs a shell command in a container of the pod; answers with what it wrote. */
  readonly sh: (pod: string, command: string, container?: string) => Promise<string>;
  /** Deletes pods and waits until they are gone. */
  readonly deletePods: (...pods: readonly string[]) => Promise<void>;
  /** Waits until a container of the pod waits for this reason. */
  readonly waitWaiting: (pod: string, reason: string, timeoutMs?: number) => Promise<void>;
}

/**
 * Makes the namespace before the tests of the calling block, and waits until pods can run in it on the node
 * (`awaitNode: false`: whether or not there is such a node yet).
 */
export function useNamespace(
  world: World,
  { name, node, awaitNode = true }: { name: string; node: string; awaitNode?: boolean },
): Namespace {
  const namespace = makeNamespace(world, { name, node });
  before(async () => {
    await world.plane.kubectl(['create', 'namespace', name]);
    await namespace.wait(
      'the default service account',
      async () => (await namespace.tryKubectl(['get', 'sa', 'default'])).code === 0,
    );
    if (!awaitNode) return;
    await namespace.wait(`node ${node} to be Ready`, async () =>
      (await world.plane.tryKubectl(['get', 'node', node])).stdout.includes(' Ready '),
    );
  });
  return namespace;
}

function makeNamespace(world: World, { name, node }: { name: string; node: string }): Namespace {
  const scoped = (args: readonly string[]): string[] => ['-n', name, ...args];
  const folder = `/api/v1/namespaces/${name}`;
  const namespace: Namespace = {
    name,
    node,
    kubectl: (args, input) => world.plane.kubectl(scoped(args), input),
    tryKubectl: (args, input) => world.plane.tryKubectl(scoped(args), input),
    create: async (object) => {
      await namespace.kubectl(['create', '-f', '-'], JSON.stringify(object));
    },
    createPod: (pod, spec = {}, metadata = {}) =>
      namespace.create({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: pod, ...metadata },
        spec: { nodeName: node, terminationGracePeriodSeconds: 2, containers: [shell()], ...spec },
      }),
    pod: (pod) => world.client.get<PodJson>(`${folder}/pods/${pod}`),
    container: async (pod, container) =>
      (await namespace.pod(pod)).status.containerStatuses?.find(
        (status) => container === undefined || status.name === container,
      ),
    isReady: async (pod) =>
      (await namespace.pod(pod)).status.conditions?.some(
        ({ type, status }) => type === 'Ready' && status === 'True',
      ) === true,
    events: async (object) =>
      (await world.client.get<{ items: EventJson[] }>(`${folder}/events`)).items.filter(
        ({ involvedObject }) => object === undefined || involvedObject.name === object,
      ),
    wait: (what, check, timeoutMs = 30_000) =>
      eventually(what, check, { timeoutMs, everyMs: 200, describe: () => report(world, namespace) }),
    waitReady: async (pod, timeoutMs) => {
      await namespace.wait(`pod ${pod} to be ready`, () => namespace.isReady(pod), timeoutMs);
    },
    waitEvent: (object, reason, message = '', timeoutMs) =>
      namespace.wait(
        `event ${reason} of ${object}: ${String(message)}`,
        async () =>
          (await namespace.events(object)).find(
            (event) =>
              event.reason === reason &&
              (typeof message === 'string' ? event.message.includes(message) : message.test(event.message)),
          ),
        timeoutMs,
      ),
    sh: (pod, command, container = 'c') =>
      namespace.kubectl(['exec', pod, '-c', container, '--', 'sh', '-c', command]),
    deletePods: async (...pods) => {
      await namespace.kubectl(['delete', 'pod', ...pods, '--timeout=60s']);
    },
    waitWaiting: async (pod, reason, timeoutMs) => {
      await namespace.wait(
        `a container of ${pod} to wait for ${reason}`,
        async () => {
          const { containerStatuses = [], initContainerStatuses = [] } = (await namespace.pod(pod)).status;
          return [...initContainerStatuses, ...containerStatuses].some(
            ({ state }) => state.waiting?.reason === reason,
          );
        },
        timeoutMs,
      );
    },
  };
  return namespace;
}

/** Of the host that has the node's name; of all, if none has: then several are behind it. */
function hostLog({ nodes }: World, node: string): (host: TestHost) => string[] {
  return ({ name, logFile }) =>
    name === node || !nodes.includes(node) ? [`log of host ${name}:\n${tail(logFile, 20)}`] : [];
}

async function report(world: World, { name, node }: Namespace): Promise<string> {
  const shown = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await world.plane.tryKubectl([...args, '--request-timeout=5s']);
    return `$ kubectl ${args.join(' ')}\n${stdout}${stderr}`;
  };
  return [
    await shown('-n', name, 'get', 'pods', '-o', 'wide'),
    await shown('-n', name, 'get', 'events', '--sort-by=.lastTimestamp'),
    await shown('-n', name, 'get', 'pods', '-o', 'yaml'),
    await shown('describe', 'node', node),
    ...world.farlets.map((farlet) => `farlet's log:\n${farlet.log()}`),
    ...world.hosts().flatMap(hostLog(world, node)),
  ].join('\n');
}
