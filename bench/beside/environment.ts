/**
 * What is measured on: a control plane with two nodes, one farlet's, one a real kubelet's, and a third host
 * for the bare calls: each with a containerd and a network of its own, all of the same kind.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { kubelet } from '../../e2e/harness/cache.ts';
import { startControlPlane, writeKubeconfig, type ControlPlane } from '../../e2e/harness/control-plane.ts';
import { startFarlet } from '../../e2e/harness/farlet.ts';
import { startHost, type TestHost } from '../../e2e/harness/host.ts';
import { hasKubelet, startKubelet } from '../../e2e/harness/kubelet.ts';
import { eventually, outcome } from '../../e2e/harness/processes.ts';
import { connectKube, type KubeConnection } from '../../src/kube/connect.ts';
import { cgroup2Mount, joinCpuGroup, type CpuGroup } from '../cpu-group.ts';
import { missing as missingOfAll } from '../environment.ts';
import { NodePods } from '../node-pods.ts';
import { CONFIG, SECRET } from '../pod-shapes.ts';
import { RawRuntime } from '../raw-runtime.ts';
import { floorLogFolder, learnTemplate, type Template } from '../template.ts';
import { Agent, type AgentName } from './agent.ts';
import { AuditReader } from './api-calls.ts';
import { openApiWay } from './api-way.ts';
import { ChurnPods } from './churn-pods.ts';

export interface Environment {
  readonly agents: Readonly<Record<AgentName, Agent>>;
  /** the bare calls, and what they ask for */
  readonly raw: RawRuntime;
  readonly template: Template;
  readonly cpu: CpuGroup;
  /** the administrator's, to the API server without detours */
  readonly client: KubeConnection;
  /** Stops everything and leaves nothing behind. */
  stop(): Promise<void>;
}

/** The namespace of all pods. */
export const NAMESPACE = 'default';
/** of a pod that runs on each node all the time: of farlet's, the floor learns what to ask for */
const RESIDENT = 'resident';
/** how many sandboxes a node has with nothing but that pod */
export const RESIDENTS = 1;

const users: Readonly<Record<AgentName, { readonly cn: string; readonly o?: string }>> = {
  farlet: { cn: 'farlet' },
  kubelet: { cn: 'system:node:kubelet', o: 'system:nodes' },
};
/** as the controllers of a busy cluster have it; with less, rollovers wait for the controllers */
const CONTROLLERS = ['--kube-api-qps=300', '--kube-api-burst=600'];

/** What has to be there first, as sentences; empty if all is. */
export async function missing(): Promise<string[]> {
  const problems = await missingOfAll('2');
  try {
    if (!existsSync(kubelet())) problems.push(`${kubelet()} is missing: run scripts/setup-kubelet.sh`);
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
  if (cgroup2Mount(readFileSync('/proc/self/mountinfo', 'utf8')) === undefined)
    problems.push('no cgroup2 is mounted: what an agent and its children use is counted by one');
  if ((await outcome(['sh', '-c', 'command -v iptables-save'])).code !== 0)
    problems.push("iptables is not installed: run 'make setup'");
  if (hasKubelet()) problems.push('this machine has a kubelet already: two take each other their sockets');
  return problems;
}

type Stop = () => unknown;

export async function startEnvironment(progress: (step: string) => void): Promise<Environment> {
  const folder = mkdtempSync('/tmp/farlet-beside-');
  const life = new AbortController();
  const cpu = joinCpuGroup();
  // in order of their start; stopped from the last to the first
  const ends: Stop[] = [
    () => {
      cpu.close();
    },
    () => {
      rmSync(folder, { recursive: true, force: true });
    },
  ];
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    life.abort(new Error('the bench is over'));
    return (stopped ??= stopAll(ends, progress));
  };
  try {
    progress('control plane');
    const plane = await startControlPlane({
      folder: `${folder}/plane`,
      audited: Object.values(users).map(({ cn }) => cn),
      controllers: CONTROLLERS,
    });
    ends.push(() => plane.stop());
    await makeObjects(plane);
    const client = connectKube({ userAgent: 'farlet-bench', kubeconfig: plane.kubeconfig });
    ends.push(() => client.close());
    const start = { plane, client, folder, cpu, ends, signal: life.signal, progress };
    const audit = new AuditReader(plane.auditLog);
    const farlet = await startAgent(start, 'farlet', audit);
    const agents = { farlet: farlet.agent, kubelet: (await startAgent(start, 'kubelet', audit)).agent };
    progress('a host for the bare calls');
    const floor = await startHost({ name: 'floor', version: '2', folder: `${folder}/floor` });
    ends.push(() => floor.stop());
    const raw = new RawRuntime(floor.socket);
    ends.push(() => {
      raw.close();
    });
    progress('a pod that stays, on each node');
    const [{ uid }] = await Promise.all([
      agents.farlet.pods.start(`${RESIDENT}-farlet`),
      agents.kubelet.pods.start(`${RESIDENT}-kubelet`),
    ]);
    const template = await learnTemplate(farlet.runtime, uid);
    mkdirSync(floorLogFolder(template), { recursive: true });
    return { agents, raw, template, cpu, client, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Whatever some of them throw: what can't be taken away must not keep the rest. */
async function stopAll(ends: Stop[], progress: (step: string) => void): Promise<void> {
  for (const end of ends.splice(0).reverse())
    try {
      await end();
    } catch (error) {
      progress(`left behind: ${String(error)}`);
    }
}

/** What pods refer to, and what farlet's account may do: as docs/rbac.md says, not an administrator's. */
async function makeObjects(plane: ControlPlane): Promise<void> {
  await plane.kubectl(['create', 'configmap', CONFIG, '--from-literal=a=1']);
  await plane.kubectl(['create', 'secret', 'generic', SECRET, '--from-literal=b=2']);
  await plane.kubectl(['apply', '-f', 'examples/rbac.yaml']);
  const bound = ['bench', `--user=${users.farlet.cn}`];
  await plane.kubectl(['create', 'clusterrolebinding', ...bound, '--clusterrole=farlet']);
  await plane.kubectl(['-n', 'kube-node-lease', 'create', 'rolebinding', ...bound, '--role=farlet']);
}

interface Start {
  readonly plane: ControlPlane;
  readonly client: KubeConnection;
  readonly folder: string;
  readonly cpu: CpuGroup;
  readonly ends: Stop[];
  readonly signal: AbortSignal;
  readonly progress: (step: string) => void;
}

/** A host and its agent, whose node has the agent's name and is Ready. */
async function startAgent(
  { plane, client, folder, cpu, ends, signal, progress }: Start,
  name: AgentName,
  audit: AuditReader,
): Promise<{ readonly agent: Agent; readonly runtime: RawRuntime }> {
  progress(`a host, and on it the ${name === 'farlet' ? 'node of farlet' : 'kubelet'}`);
  const host = await startHost({ name, version: '2', folder: `${folder}/${name}` });
  ends.push(() => host.stop());
  const way = await openApiWay(plane.server);
  ends.push(() => way.stop());
  const { pair } = await plane.account(name, users[name]);
  const kubeconfig = `${folder}/${name}.kubeconfig`;
  writeKubeconfig(kubeconfig, { server: way.server, ca: plane.clientCa, user: pair });
  const started = await starters[name]({ host, kubeconfig, plane, folder: `${folder}/${name}-agent` });
  ends.push(() => started.stop());
  const part = cpu.part(name, started.pid());
  await eventually(
    `${name}'s node to be Ready`,
    async () => (await plane.tryKubectl(['get', 'node', name])).stdout.includes(' Ready '),
    { timeoutMs: 60_000, describe: () => Promise.resolve(started.log()) },
  );
  const runtime = new RawRuntime(host.socket);
  ends.push(() => {
    runtime.close();
  });
  const churn = new ChurnPods();
  const pods = new NodePods({
    client,
    node: name,
    namespace: NAMESPACE,
    signal,
    onEvent: (event) => {
      churn.take(event);
    },
  });
  const { pid, log } = started;
  const parts = { name, node: name, way, audit, pods, churn, runtime, log, cpu: part, user: users[name].cn };
  return { agent: new Agent({ ...parts, pid: pid() }), runtime };
}

interface Starting {
  readonly host: TestHost;
  readonly kubeconfig: string;
  readonly plane: ControlPlane;
  readonly folder: string;
}

interface Started {
  readonly pid: () => number;
  readonly log: () => string;
  stop(): Promise<void>;
}

const starters: Readonly<Record<AgentName, (start: Starting) => Promise<Started>>> = {
  farlet: ({ host, kubeconfig, plane, folder }) =>
    startFarlet({ folder, plane: { kubeconfig, clientCa: plane.clientCa }, hosts: [host] }),
  kubelet: ({ host, kubeconfig, plane }) => startKubelet({ host, kubeconfig, plane }),
};
