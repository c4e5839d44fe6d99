/** What round trips are measured on: a control plane, a host over ssh whose packets come later, farlet. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { ContainerdVersion } from '../e2e/harness/containerds.ts';
import { startControlPlane, type ControlPlane } from '../e2e/harness/control-plane.ts';
import { startDelayProxy, type DelayProxy } from './delay-proxy.ts';
import { startFarlet } from '../e2e/harness/farlet.ts';
import { eventually } from '../e2e/harness/processes.ts';
import { startRemoteHost } from '../e2e/harness/remote-host.ts';
import { hostThrough } from '../e2e/harness/through-proxy.ts';
import { connectKube } from '../src/kube/connect.ts';
import { NodePods } from './node-pods.ts';
import { CONFIG, SECRET, withFiles } from './pod-shapes.ts';

export interface LinkEnvironment {
  readonly plane: ControlPlane;
  readonly proxy: DelayProxy;
  readonly pods: NodePods;
  readonly logFile: string;
  stop(): Promise<void>;
}

const NODE = 'far';

export async function startLinkEnvironment(
  version: ContainerdVersion,
  progress: (step: string) => void,
): Promise<LinkEnvironment> {
  const folder = mkdtempSync('/tmp/farlet-bench-link-');
  const life = new AbortController();
  const started: { stop(): unknown }[] = [];
  let stopped: Promise<void> | undefined;
  const stopAll = async (): Promise<void> => {
    life.abort(new Error('the bench is over'));
    for (const each of started.splice(0).reverse()) await each.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  const stop = (): Promise<void> => (stopped ??= stopAll());
  try {
    progress('control plane');
    const plane = await startControlPlane({ folder: `${folder}/plane` });
    started.push(plane);
    progress(`a host over ssh, containerd ${version}`);
    const host = await startRemoteHost({ name: NODE, version, folder: `${folder}/host` });
    started.push(host);
    const proxy = await startDelayProxy({ host: host.address, port: 22 });
    started.push({
      stop: () => {
        proxy.close();
      },
    });
    progress('farlet');
    const farlet = await startFarlet({
      folder: `${folder}/farlet`,
      plane,
      hosts: [hostThrough(host, proxy, folder)],
      // a large log is to stay one file, and a far host's /tmp is memory
      config: { containerLogMaxSize: '8Gi', podLogsDir: '/var/lib/pod-logs' },
    });
    started.push(farlet);
    const client = connectKube({ userAgent: 'farlet-bench', kubeconfig: plane.kubeconfig });
    started.push({ stop: () => client.close() });
    await eventually(
      'the node to be Ready',
      async () => (await plane.tryKubectl(['get', 'node', NODE])).stdout.includes(' Ready '),
      { describe: () => Promise.resolve(farlet.log()) },
    );
    await plane.kubectl(['create', 'configmap', CONFIG, '--from-literal=a=1']);
    await plane.kubectl(['create', 'secret', 'generic', SECRET, '--from-literal=b=2']);
    const pods = new NodePods({
      client,
      node: NODE,
      namespace: 'default',
      signal: life.signal,
      shape: withFiles,
    });
    return { plane, proxy, pods, stop, logFile: `${folder}/farlet/farlet.log` };
  } catch (error) {
    await stop();
    throw error;
  }
}
