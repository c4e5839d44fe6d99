/**
 * What of an object may leave the cluster in a support bundle. Fields are named that are kept, not those that
 * are left out: what somebody adds to a pod tomorrow is left out too. Pure.
 */
import type { CoreEvent, KubeNode, Pod } from '../../model/kube.ts';

type Json = Readonly<Record<string, unknown>>;

const REDACTED = '(redacted)';

/** What secrets look like in text that should have none. */
const secrets: readonly [form: RegExp, instead: string][] = [
  [/-----BEGIN [A-Z0-9 ]+-----[\s\S]*?-----END [A-Z0-9 ]+-----/g, REDACTED],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}(\.[\w-]*)?/g, REDACTED],
  [/\b(bearer|basic)(["']?\s*[:=]?\s+)[\w+/.=~-]{8,}/gi, `$1$2${REDACTED}`],
  [/(\/\/[^\s/:@"']+):[^\s/@"']+@/g, `$1:${REDACTED}@`],
  [
    /((?:password|passwd|passphrase|secret|token|api[-_]?key|access[-_]?key|private[-_]?key)["']?\s*[:=]\s*)(?:"[^"\n]*"|'[^'\n]*'|[^\s"',;}]+)/gi,
    `$1${REDACTED}`,
  ],
];

/** Text without what looks like a password, a token or a key. */
export function redactedText(text: string): string {
  return secrets.reduce((left, [form, instead]) => left.replace(form, instead), text);
}

/** How a pod is, without its commands, arguments, variables, headers, messages and others' annotations. */
export function redactedPod(pod: Pod): Json {
  const { metadata, spec, status } = pod;
  return {
    metadata: { ...redactedMeta(metadata), deletionGracePeriodSeconds: metadata.deletionGracePeriodSeconds },
    spec: {
      ...pick(spec, ['nodeName', 'nodeSelector', 'restartPolicy', 'priority', 'runtimeClassName']),
      ...pick(spec, ['hostNetwork', 'hostPID', 'hostIPC', 'hostUsers', 'tolerations', 'dnsPolicy']),
      ...pick(spec, ['terminationGracePeriodSeconds', 'activeDeadlineSeconds', 'resources']),
      initContainers: spec.initContainers?.map(redactedContainer),
      containers: spec.containers.map(redactedContainer),
      volumes: spec.volumes?.map(({ name, ...source }) => ({ name, kind: Object.keys(source) })),
    },
    status: {
      ...pick(status ?? {}, ['phase', 'reason', 'startTime', 'podIP', 'podIPs', 'hostIP', 'hostIPs']),
      ...pick(status ?? {}, ['qosClass', 'resize', 'observedGeneration']),
      message: textIn(status?.message),
      conditions: status?.conditions?.map((each) => ({ ...each, message: textIn(each.message) })),
      initContainerStatuses: status?.initContainerStatuses?.map(redactedContainerStatus),
      containerStatuses: status?.containerStatuses?.map(redactedContainerStatus),
    },
  };
}

export function redactedNode({ metadata, spec, status }: KubeNode): Json {
  return {
    metadata: redactedMeta(metadata),
    spec: pick(spec ?? {}, ['taints', 'unschedulable', 'providerID', 'podCIDR', 'podCIDRs']),
    status: {
      ...pick(status ?? {}, ['addresses', 'allocatable', 'capacity', 'daemonEndpoints', 'nodeInfo']),
      ...pick(status ?? {}, ['runtimeHandlers', 'features', 'declaredFeatures', 'volumesInUse']),
      conditions: status?.conditions?.map((each) => ({ ...each, message: textIn(each.message) })),
    },
  };
}

/** Answers of pods stand in these: what a probe's program printed, what a hook's server said. */
const quoting: ReadonlySet<string> = new Set([
  ...['Unhealthy', 'ProbeWarning', 'FailedPostStartHook', 'FailedPreStopHook'],
]);

export function redactedEvent(event: CoreEvent): Json {
  const { reason = '', message } = event;
  return {
    ...pick(event, ['type', 'reason', 'count', 'firstTimestamp', 'lastTimestamp', 'source']),
    about: pick(event.involvedObject, ['kind', 'namespace', 'name', 'uid', 'fieldPath']),
    message: quoting.has(reason) ? REDACTED : textIn(message),
  };
}

function redactedMeta(metadata: Pod['metadata'] | KubeNode['metadata']): Json {
  return {
    ...pick(metadata, ['name', 'namespace', 'uid', 'creationTimestamp', 'deletionTimestamp', 'generation']),
    ...pick(metadata, ['labels', 'ownerReferences']),
    annotations: Object.fromEntries(
      Object.entries(metadata.annotations ?? {}).map(([key, value]) => [
        key,
        /^(farlet\.dev|kubernetes\.io)\//.test(key) ? value : REDACTED,
      ]),
    ),
  };
}

function redactedContainer(container: Pod['spec']['containers'][number]): Json {
  return {
    ...pick(container, ['name', 'image', 'imagePullPolicy', 'ports', 'resources', 'restartPolicy', 'tty']),
    volumeMounts: container.volumeMounts?.map(({ name, mountPath, readOnly }) => ({
      name,
      mountPath,
      readOnly,
    })),
    env: container.env?.map(({ name }) => name),
    has: Object.keys(container).filter((key) => /Probe$|^lifecycle$/.test(key)),
  };
}

type ContainerStatus = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number];

function redactedContainerStatus(status: ContainerStatus): Json {
  return {
    ...pick(status, ['name', 'image', 'imageID', 'containerID', 'ready', 'started', 'restartCount']),
    state: redactedState(status.state),
    lastState: redactedState(status.lastState),
  };
}

/** A container's own last words are its own; why one waits is the runtime's. */
function redactedState(state: ContainerStatus['state']): Json {
  const { waiting, running, terminated } = state ?? {};
  return {
    ...(waiting === undefined
      ? {}
      : { waiting: { reason: waiting.reason, message: textIn(waiting.message) } }),
    ...(running === undefined ? {} : { running }),
    ...(terminated === undefined
      ? {}
      : {
          terminated: pick(terminated, ['exitCode', 'signal', 'reason', 'startedAt', 'finishedAt']),
        }),
  };
}

function textIn(text: string | undefined): string | undefined {
  return text === undefined ? undefined : redactedText(text);
}

function pick<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  const kept = keys.flatMap((key) => (Object.hasOwn(from, key) ? [[key, from[key]] as const] : []));
  return Object.fromEntries(kept) as Pick<T, K>;
}
