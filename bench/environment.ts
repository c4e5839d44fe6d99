/** What is measured on: a control plane, one host, farlet, all real and the bench's own. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { containerd2, imageArchive, kubernetes } from '../e2e/harness/cache.ts';
import type { ContainerdVersion } from '../e2e/harness/containerds.ts';
import { startControlPlane } from '../e2e/harness/control-plane.ts';
import { startFarlet, type Farlet } from '../e2e/harness/farlet.ts';
import { startHost } from '../e2e/harness/host.ts';
import { eventually, outcome } from '../e2e/harness/processes.ts';
import { connectKube } from '../src/kube/connect.ts';
import { joinCpuGroup, type CpuGroup } from './cpu-group.ts';
import { NodePods } from './node-pods.ts';
import { RawRuntime } from './raw-runtime.ts';
import { floorLogFolder, learnTemplate, type Template } from './template.ts';

export interface Environment {
  readonly farlet: Farlet;
  readonly hostPid: number;
  readonly cpu: CpuGroup;
  readonly pods: NodePods;
  readonly raw: RawRuntime;
  readonly template: Template;
  /** Stops everything and leaves nothing behind. */
  stop(): Promise<void>;
}

/** What has to be there first, as sentences; empty if all is. */
export async function missing(version: ContainerdVersion): Promise<string[]> {
  const problems: string[] = [];
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    problems.push('it must run as root on Linux: it starts containers');
  const built = [
    () => kubernetes('kube-apiserver')[0] ?? '',
    imageArchive,
    ...(version === '2' ? [containerd2] : []),
  ];
  for (const find of built) {
    try {
      if (!existsSync(find())) problems.push(`${find()} is missing: run 'make setup'`);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  for (const program of ['etcd', 'runc', ...(version === '2' ? [] : ['containerd'])])
    if ((await outcome(['sh', '-c', `command -v ${program}`])).code !== 0)
      problems.push(`${program} is not installed: run 'make setup'`);
  if (!existsSync('dist/main.js')) problems.push("dist/main.js is missing: run 'npm run build'");
  return problems;
}

export async function startEnvironment(
  version: ContainerdVersion,
  progress: (step: string) => void,
): Promise<Environment> {
  const folder = mkdtempSync('/tmp/farlet-bench-');
  const life = new AbortController();
  const cpu = joinCpuGroup();
  // in order of their start; stopped from the last to the first
  const started: { stop(): Promise<void> }[] = [];
  let stopped: Promise<void> | undefined;
  const stopAll = async (): Promise<void> => {
    life.abort(new Error('the bench is over'));
    for (const each of started.splice(0).reverse()) await each.stop();
    rmSync(folder, { recursive: true, force: true });
    cpu.close();
  };
  const stop = (): Promise<void> => (stopped ??= stopAll());
  try {
    progress('control plane');
    const plane = await startControlPlane({ folder: `${folder}/plane` });
    started.push(plane);
    progress(`containerd ${version}`);
    const node = 'bench';
    const host = await startHost({ name: node, version, folder: `${folder}/host` });
    started.push(host);
    progress('farlet');
    const farlet = await startFarlet({ folder: `${folder}/farlet`, plane, hosts: [host] });
    started.push(farlet);
    const client = connectKube({ userAgent: 'farlet-bench', kubeconfig: plane.kubeconfig });
    started.push({ stop: () => client.close() });
    await eventually(
      'the node to be Ready',
      async () => (await plane.tryKubectl(['get', 'node', node])).stdout.includes(' Ready '),
      { describe: () => Promise.resolve(farlet.log()) },
    );
    const pods = new NodePods({ client, node, namespace: 'default', signal: life.signal });
    const raw = new RawRuntime(host.socket);
    started.push({
      stop: () => {
        raw.close();
        return Promise.resolve();
      },
    });
    progress('a pod as template');
    const template = await learnTemplate(raw, (await pods.start('template')).uid);
    mkdirSync(floorLogFolder(template), { recursive: true });
    return { farlet, hostPid: host.pid(), cpu, pods, raw, template, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
