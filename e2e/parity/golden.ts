/**
 * Records what a kubelet does for a pod, as a file of e2e/golden. Stands between the kubelet and its runtime:
 *
 *   npm run golden -- --kubeconfig FILE --node NAME --runtime /run/containerd/containerd.sock \
 *     --proxy /run/golden.sock [--root-dir /var/lib/kubelet] [--log-dir /var/log/pods] [--out DIR]
 *     CASE.yaml...
 *
 * The kubelet (or farlet) is then started with `unix://` and the --proxy socket as its runtime endpoint;
 * recording begins when its node is Ready. Without --out a case's file is written where it was read.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { startKubeApi, type KubeApi } from '../harness/kube-api.ts';
import { eventually } from '../harness/processes.ts';
import { inParallel } from './in-parallel.ts';
import { startRecorder } from './recorder.ts';
import { readCase, writeRecording } from './recording.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kubeconfig: { type: 'string', default: process.env.KUBECONFIG ?? '' },
    node: { type: 'string' },
    runtime: { type: 'string', default: '/run/containerd/containerd.sock' },
    proxy: { type: 'string' },
    'root-dir': { type: 'string', default: '/var/lib/kubelet' },
    'log-dir': { type: 'string', default: '/var/log/pods' },
    out: { type: 'string' },
    parallel: { type: 'string', default: '6' },
  },
});
const READY_LIMIT_MS = 300_000;

async function main(): Promise<void> {
  const { node, proxy: socket, kubeconfig } = values;
  if (node === undefined || socket === undefined || kubeconfig === '' || positionals.length === 0)
    throw new Error(
      'needed: --kubeconfig (or KUBECONFIG), --node, --proxy and case files; see e2e/parity/golden.ts',
    );
  const folder = mkdtempSync('/tmp/golden-');
  const recorder = await startRecorder({ kubeconfig, folder });
  const api = await startKubeApi({ kubeconfig, folder: mkdirIn(folder, 'api') });
  try {
    const { endpoint, count } = await recorder.proxy(node, values.runtime, { socket });
    console.log(`waiting for node ${node}: start its kubelet with --container-runtime-endpoint=${endpoint}`);
    // a node may be Ready from before; its kubelet must come this way
    await eventually(`a call at ${endpoint}`, () => count() > 0, {
      timeoutMs: READY_LIMIT_MS,
      everyMs: 1000,
    });
    await eventually(`node ${node} to be Ready`, () => isReady(api, node), {
      timeoutMs: READY_LIMIT_MS,
      everyMs: 1000,
    });
    const recorded = { name: node, rootDir: values['root-dir'], podLogsDir: values['log-dir'] };
    const runs = inParallel(positionals, Number(values.parallel), async (file) => {
      const of = readCase(file);
      const target = `${values.out ?? dirname(file)}/${of.name}.yaml`;
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, writeRecording(of, await recorder.record(of, recorded)));
      console.log(target);
    });
    await Promise.all(runs.values());
  } finally {
    await api.stop();
    await recorder.stop();
    rmSync(folder, { recursive: true });
  }
}

function mkdirIn(folder: string, name: string): string {
  mkdirSync(`${folder}/${name}`);
  return `${folder}/${name}`;
}

async function isReady(api: KubeApi, name: string): Promise<boolean> {
  const { body } = await api.ask<{ status?: { conditions?: { type: string; status: string }[] } }>(
    'GET',
    `/api/v1/nodes/${name}`,
  );
  return body.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
}

await main();
