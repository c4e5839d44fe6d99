/** A namespace of its own on one node, for the scenarios of one describe block. */
import { before } from 'node:test';
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
  involvedObject: { kind: string; name: string };
}

export interface Namespace {
  readonly name: string;
  readonly node: string;
  /** kubectl in this namespace; a non-zero exit is an error that shows stderr */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  tryKubectl(args: readonly string[], input?: string): Promise<Outcome>;
  /** Creates any object. */
  create(object: object): Promise<void>;
  /** Creates a pod on the node (bound by nodeName): one container `c` that sleeps until told to stop, unless spec says else. */
  createPod(name: string, spec?: object, metadata?: object): Promise<void>;
  pod(name: string): Promise<PodJson>;
  /** status of a container, by default of the first one */
  container(pod: string, name?: string): Promise<ContainerStatusJson | undefined>;
  isReady(pod: string): Promise<boolean>;
  /** events of one object, by its name; of all without one */
  events(name?: string): Promise<EventJson[]>;
  /** Waits; a failure shows the pods, their YAML, events, and the logs of farlet and the host. */
  wait<T>(what: string, check: () => Promise<T | undefined | false>, timeoutMs?: number): Promise<T>;
  waitReady(pod: string, timeoutMs?: number): Promise<void>;
  /** Waits for an event on an object whose reason is this and whose message has this text or form. */
  waitEvent(
    object: string,
    reason: string,
    message?: string | RegExp,
    timeoutMs?: number,
  ): Promise<EventJson>;
  /** Waits until a container of the pod waits for this reason. */
  waitWaiting(pod: string, reason: string, timeoutMs?: number): Promise<void>;
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
  const read = async <T>(...args: string[]): Promise<T> =>
    JSON.parse(await namespace.kubectl([...args, '-o', 'json'])) as T;
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
    pod: (pod) => read<PodJson>('get', 'pod', pod),
    container: async (pod, container) =>
      (await namespace.pod(pod)).status.containerStatuses?.find(
        (status) => container === undefined || status.name === container,
      ),
    isReady: async (pod) =>
      (await namespace.pod(pod)).status.conditions?.some(
        ({ type, status }) => type === 'Ready' && status === 'True',
      ) === true,
    events: async (object) =>
      (await read<{ items: EventJson[] }>('get', 'events')).items.filter(
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
    `the host's log:\n${tail(world.host(node).logFile, 20)}`,
  ].join('\n');
}
