/** Makes and watches the pods of one namespace on one node, for scenarios. */
import type { ControlPlane } from './control-plane.ts';
import { shell } from './pods.ts';
import { eventually, type Outcome } from './processes.ts';

export interface PodJson {
  readonly metadata: { readonly uid: string; readonly name: string };
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly containerID?: string;
      readonly restartCount: number;
      readonly state: Readonly<Record<string, { readonly reason?: string; readonly message?: string }>>;
      readonly volumeMounts?: readonly Readonly<Record<string, unknown>>[];
    }[];
  };
}

export interface PodDriver {
  readonly namespace: string;
  readonly node: string;
  readonly kubectl: (args: readonly string[], input?: string) => Promise<string>;
  readonly tryKubectl: (args: readonly string[], input?: string) => Promise<Outcome>;
  readonly create: (object: object) => Promise<void>;
  /** Creates a pod on the node, by name; its containers are `spec.containers`, else one that sleeps. */
  readonly createPod: (
    name: string,
    spec?: Readonly<Record<string, unknown>>,
    metadata?: object,
  ) => Promise<void>;
  readonly getPod: (name: string) => Promise<PodJson>;
  readonly isReady: (name: string) => Promise<boolean>;
  readonly ready: (name: string, timeoutMs?: number) => Promise<void>;
  /** Runs a shell command in the pod's container c. */
  readonly sh: (pod: string, command: string, container?: string) => Promise<string>;
  /** Waits for an event of the pod whose message has the text. */
  readonly told: (pod: string, text: string, timeoutMs?: number) => Promise<void>;
  readonly wait: <T>(
    what: string,
    check: () => Promise<T | undefined | false>,
    timeoutMs?: number,
  ) => Promise<T>;
  readonly deletePods: (...names: readonly string[]) => Promise<void>;
  /** Makes the namespace, and waits for its service account and for the node. */
  readonly setUp: () => Promise<void>;
}

export function drivePods(options: {
  /** asked for when it is needed: it may not be up yet */
  plane: () => Pick<ControlPlane, 'kubectl' | 'tryKubectl'>;
  namespace: string;
  node: string;
  log: () => string;
}): PodDriver {
  const { plane, namespace, node, log } = options;
  const kubectl = (args: readonly string[], input?: string): Promise<string> =>
    plane().kubectl(['-n', namespace, ...args], input);
  const report = async (): Promise<string> => `${await kubectl(['get', 'pods,events'])}\n${log()}`;
  const getPod = async (name: string): Promise<PodJson> =>
    JSON.parse(await kubectl(['get', 'pod', name, '-o', 'json'])) as PodJson;
  const driver: PodDriver = {
    namespace,
    node,
    kubectl,
    tryKubectl: (args, input) => plane().tryKubectl(['-n', namespace, ...args], input),
    create: async (object) => {
      await kubectl(['create', '-f', '-'], JSON.stringify(object));
    },
    createPod: (name, { containers = [shell()], ...rest } = {}, metadata = {}) =>
      driver.create({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, ...metadata },
        spec: { nodeName: node, terminationGracePeriodSeconds: 2, containers, ...rest },
      }),
    getPod,
    isReady: async (name) =>
      (await getPod(name)).status.conditions?.some(
        ({ type, status }) => type === 'Ready' && status === 'True',
      ) === true,
    ready: async (name, timeoutMs) => {
      await driver.wait(`pod ${name} to be ready`, () => driver.isReady(name), timeoutMs);
    },
    sh: (pod, command, container = 'c') => kubectl(['exec', pod, '-c', container, '--', 'sh', '-c', command]),
    told: async (pod, text, timeoutMs) => {
      const ask = ['get', 'events', '--field-selector', `involvedObject.name=${pod}`, '-o'];
      await driver.wait(
        `an event of ${pod} that says ${text}`,
        async () => (await kubectl([...ask, 'jsonpath={.items[*].message}'])).includes(text),
        timeoutMs,
      );
    },
    wait: (what, check, timeoutMs = 30_000) => eventually(what, check, { timeoutMs, describe: report }),
    deletePods: async (...names) => {
      await kubectl(['delete', 'pod', ...names, '--timeout=60s']);
    },
    setUp: async () => {
      await plane().kubectl(['create', 'namespace', namespace]);
      await driver.wait(
        'the default service account',
        async () => (await plane().tryKubectl(['-n', namespace, 'get', 'sa', 'default'])).code === 0,
      );
      await driver.wait('the node to be Ready', async () =>
        (await plane().tryKubectl(['get', 'node', node])).stdout.includes(' Ready '),
      );
    },
  };
  return driver;
}
