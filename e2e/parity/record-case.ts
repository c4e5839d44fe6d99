/**
 * One case: created, changed as it says, watched, deleted; what was seen of it, in the form of the
 * recordings.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ProxiedCall } from '../harness/cri-proxy.ts';
import type { KubeApi, WatchEvent } from '../harness/kube-api.ts';
import { eventually } from '../harness/processes.ts';
import { callsOf } from './cri-log.ts';
import { eventLines, type EventObject } from './event-lines.ts';
import type { Case, KubeObject, LaterStep, Recording, Step } from './recording.ts';
import { isSameStage } from './same-stage.ts';
import { isUntouched, shortForm, type WatchedPod } from './short-form.ts';
import { inWords, type Run } from './words.ts';

/** A node to record on. */
export interface RecordedNode {
  readonly name: string;
  readonly rootDir: string;
  readonly podLogsDir: string;
  /** ends the namespaces' names, where two nodes of a cluster are recorded at once */
  readonly suffix?: string;
  /** from Ready or the end to the deletion, where a case says no time to watch; default: 2 s */
  readonly settleMs?: number;
}

/** What a recorder sees without asking. */
export interface Watched {
  /** events of the pod in this namespace, until the returned function is called */
  pods(namespace: string, onEvent: (event: WatchEvent) => void): () => void;
  calls(node: string): readonly ProxiedCall[];
}

interface Options {
  readonly of: Case;
  readonly node: RecordedNode;
  readonly api: KubeApi;
  readonly watched: Watched;
  readonly awaited: Step | undefined;
}

/** The name of the node in case files. */
const PLACEHOLDER = 'real';
const SETTLE_MS = 2_000;
/** A pod that comes to nothing by then is deleted as it is. */
const SETTLED_LIMIT_MS = 45_000;
/** How much longer than the case says a slow machine may take. */
const AWAITED_LIMIT_MS = 60_000;
const GONE_LIMIT_MS = 90_000;
/** Events are sent behind the pod's back; the last come a moment after it is gone. */
const EVENTS_MS = 1_500;

interface Seen {
  readonly pods: WatchedPod[];
  gone: boolean;
}

export async function recordCase(options: Options): Promise<Recording> {
  const { of, node, api, watched } = options;
  const namespace = `golden-${of.name}${node.suffix ?? ''}`;
  const callsBefore = watched.calls(node.name).length;
  const seen: Seen = { pods: [], gone: false };
  const unwatch = watched.pods(namespace, (event) => {
    if (event.type === 'DELETED') seen.gone = true;
    seen.pods.push(event.object as unknown as WatchedPod);
  });
  const clusterWide: string[] = [];
  try {
    await prepareNamespace(api, namespace);
    const made: KubeObject[] = [];
    for (const object of of.objects ?? []) {
      const { path, isNamespaced } = await pathOf(api, object, namespace);
      const answer = await api.ask<KubeObject>('POST', path, versioned(object));
      if (answer.code >= 300 && answer.code !== 409)
        throw new Error(`POST ${path}: ${JSON.stringify(answer.body)}`);
      if (!isNamespaced) clusterWide.push(`${path}/${object.metadata.name}`);
      made.push(answer.body);
    }
    const last = await live(options, { namespace, seen });
    await deletePod(api, { namespace, seen });
    const { items } = await api.call<{ items: EventObject[] }>(
      'GET',
      `/api/v1/namespaces/${namespace}/events`,
    );
    return recording({
      last,
      seen,
      events: items,
      calls: watched.calls(node.name).slice(callsBefore),
      made,
      options,
      namespace,
    });
  } finally {
    unwatch();
    for (const path of clusterWide) await api.ask('DELETE', path);
    await api.ask('DELETE', `/api/v1/namespaces/${namespace}`);
  }
}

async function prepareNamespace(api: KubeApi, name: string): Promise<void> {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  await eventually(
    `namespace ${name}, or the end of the one of an earlier run`,
    async () => (await api.ask('POST', '/api/v1/namespaces', namespace)).code === 201,
    { timeoutMs: 60_000, everyMs: 300 },
  );
  // what every pod of a namespace mounts
  for (const path of ['serviceaccounts/default', 'configmaps/kube-root-ca.crt'])
    await eventually(
      `${path} in ${name}`,
      async () => (await api.ask('GET', `/api/v1/namespaces/${name}/${path}`)).code === 200,
    );
}

/** Creates the pod, does what the case says, waits as long as it says; answers with the last status. */
async function live(
  { of, node, api, awaited }: Options,
  { namespace, seen }: { namespace: string; seen: Seen },
): Promise<WatchedPod> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: of.pod.metadata,
    spec: JSON.parse(
      JSON.stringify(of.pod.spec, (_key, value: unknown) => (value === PLACEHOLDER ? node.name : value)),
    ) as object,
  };
  await api.call('POST', `/api/v1/namespaces/${namespace}/pods`, pod);
  const begun = Date.now();
  const settled = async (): Promise<void> => {
    while (!isSettled(seen.pods.at(-1)) && Date.now() < begun + SETTLED_LIMIT_MS) await pause(50);
  };
  const later = (of.later ?? []).map(async (step) => {
    await pause(begun + step.after * 1000 - Date.now());
    // what changes a running pod waits for it on a slow machine
    if (step.patch !== undefined) await settled();
    await doStep(api, step, namespace);
  });
  if (of.watchSeconds === undefined) {
    await settled();
    await pause(node.settleMs ?? SETTLE_MS);
  } else await pause(begun + of.watchSeconds * 1000 - Date.now());
  await Promise.all(later);
  await atStage(awaited, seen);
  const last = seen.pods.at(-1);
  if (last === undefined) throw new Error(`nothing was seen of the pod of ${namespace}`);
  return last;
}

async function atStage(awaited: Step | undefined, seen: Seen): Promise<void> {
  const end = Date.now() + AWAITED_LIMIT_MS;
  const isThere = (): boolean => {
    const pod = seen.pods.at(-1);
    return awaited === undefined || (pod !== undefined && isSameStage(shortForm(pod), awaited));
  };
  while (!isThere() && Date.now() < end) await pause(100);
}

function isSettled(pod: WatchedPod | undefined): boolean {
  const { phase, conditions = [] } = pod?.status ?? {};
  if (phase === 'Failed' || phase === 'Succeeded') return true;
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

async function doStep(api: KubeApi, step: LaterStep, namespace: string): Promise<void> {
  if (step.object !== undefined) {
    const { path } = await pathOf(api, step.object, namespace);
    await api.call('POST', path, versioned(step.object));
  }
  if (step.patch !== undefined) {
    const sub = step.patch.sub === undefined ? '' : `/${step.patch.sub}`;
    await api.call('PATCH', `/api/v1/namespaces/${namespace}/pods/pod${sub}`, step.patch.body);
  }
}

async function deletePod(
  api: KubeApi,
  { namespace, seen }: { namespace: string; seen: { gone: boolean } },
): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods/pod`;
  await api.call('DELETE', path);
  const end = Date.now() + GONE_LIMIT_MS;
  while (!seen.gone && Date.now() < end) await pause(50);
  await pause(EVENTS_MS);
  if (!seen.gone) await api.ask('DELETE', `${path}?gracePeriodSeconds=0`);
}

function recording(of: {
  last: WatchedPod;
  seen: Seen;
  events: EventObject[];
  calls: readonly ProxiedCall[];
  made: KubeObject[];
  options: Options;
  namespace: string;
}): Recording {
  const { last, seen, options, namespace } = of;
  const { node } = options;
  const distinct = (values: readonly (string | undefined)[]): string[] => [
    ...new Set(values.filter((value) => value !== undefined).filter((value) => value !== '')),
  ];
  const hostIPs = distinct(seen.pods.map(({ status }) => status.hostIP));
  const run: Run = {
    namespace: `golden-${options.of.name}`,
    usedNamespace: namespace,
    uid: last.metadata.uid,
    podIPs: distinct(seen.pods.map(({ status }) => status.podIP)),
    hostIPs,
    serviceIPs: distinct(of.made.map(({ spec }) => (spec as { clusterIP?: string } | undefined)?.clusterIP)),
    node: node.name,
    rootDir: node.rootDir,
    podLogsDir: node.podLogsDir,
  };
  return {
    steps: distinctSteps(
      seen.pods.filter((pod) => !isUntouched(pod)).map((pod) => shortForm(inWords(pod, run))),
    ),
    lastStatusBeforeDeletion: inWords(last.status, run),
    events: eventLines(of.events).map((line) => inWords(line, run)),
    cri: callsOf(namespace, of.calls).map((call) => inWords(call, run)),
    gone: seen.gone,
  };
}

function distinctSteps(steps: readonly Step[]): Step[] {
  return steps.filter((step, index) => !isDeepStrictEqual(step, steps[index - 1]));
}

/** Where objects of a kind are created, as the API server itself says. */
async function pathOf(
  api: KubeApi,
  object: KubeObject,
  namespace: string,
): Promise<{ path: string; isNamespaced: boolean }> {
  const version = object.apiVersion ?? 'v1';
  const root = version.includes('/') ? `/apis/${version}` : `/api/${version}`;
  const { resources } = await api.call<{ resources: { name: string; kind: string; namespaced: boolean }[] }>(
    'GET',
    root,
  );
  const found = resources.find(({ kind, name }) => kind === object.kind && !name.includes('/'));
  if (found === undefined) throw new Error(`the API server knows no ${object.kind} in ${version}`);
  const { name, namespaced } = found;
  return {
    path: namespaced ? `${root}/namespaces/${namespace}/${name}` : `${root}/${name}`,
    isNamespaced: namespaced,
  };
}

function versioned(object: KubeObject): object {
  return { apiVersion: 'v1', ...object };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
