/**
 * The demo: a cluster, a host, farlet and a Deployment, shown on the terminal and left running. `up
 * [KUBECONFIG]` or `down`.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { kubernetes } from './harness/cache.ts';
import { startControlPlane } from './harness/control-plane.ts';
import { startFarlet } from './harness/farlet.ts';
import { killShims, removeSandboxes, startHost, sweep } from './harness/host.ts';
import { eventually, outcome, run } from './harness/processes.ts';

const folder = '/tmp/farlet-demo';
const bridge = 200;
const [command = 'up', given] = process.argv.slice(2);

/** Takes the demo out of a cluster that goes on without it, while farlet can still let its pods go. */
async function leaveCluster(): Promise<void> {
  const note = `${folder}/given-cluster`;
  if (!existsSync(note)) return;
  const kubeconfig = readFileSync(note, 'utf8');
  const kubectl = [...kubernetes('kubectl'), `--kubeconfig=${kubeconfig}`, 'delete', '--ignore-not-found'];
  const remove = async (object: string, ...flags: string[]): Promise<void> => {
    const { code, stderr } = await outcome([...kubectl, object, ...flags], { timeoutMs: 40_000 });
    if (code !== 0) process.stderr.write(`${object} is left in the cluster of ${kubeconfig}: ${stderr}`);
  };
  await remove('deployment/hello', '--cascade=foreground', '--timeout=30s');
  await stopFarlet();
  await remove('node/farlet-demo', '--timeout=10s');
}

async function stopFarlet(): Promise<void> {
  await outcome(['pkill', '-9', '-f', '--', `${folder}/farlet/`]);
}

async function down(): Promise<void> {
  await leaveCluster();
  // first: it would start its pods again
  await stopFarlet();
  await removeSandboxes(`${folder}/host/containerd.sock`);
  await killShims(`${folder}/host`);
  await outcome(['pkill', '-9', '-f', '--', `${folder}/(plane|host)/`]);
  // a killed process lets go of its mounts a moment later
  await outcome(['sleep', '0.5']);
  await sweep(folder, `farlet${bridge}`);
}

function show(title: string, text: string): void {
  process.stdout.write(`\n── ${title}\n${text.trimEnd()}\n`);
}

async function up(): Promise<void> {
  await down();
  mkdirSync(folder, { recursive: true });
  const progress = (step: string): void => {
    process.stdout.write(`   ${step}\n`);
  };
  show('starting', '');
  const own =
    given === undefined
      ? await startControlPlane({ folder: `${folder}/plane`, detached: true, onProgress: progress })
      : undefined;
  const kubeconfig = own?.kubeconfig ?? given ?? '';
  const clientCa = own?.clientCa ?? (await clusterCa(kubeconfig));
  const kubectl = (...args: string[]): Promise<string> =>
    run([...kubernetes('kubectl'), `--kubeconfig=${kubeconfig}`, ...args], { timeoutMs: 120_000 });
  if (given !== undefined) writeFileSync(`${folder}/given-cluster`, resolve(given));
  progress('containerd');
  const host = await startHost({
    name: 'farlet-demo',
    version: '2',
    folder: `${folder}/host`,
    number: bridge,
    detached: true,
  });
  progress('farlet');
  const farlet = await startFarlet({
    folder: `${folder}/farlet`,
    plane: { kubeconfig, clientCa },
    hosts: [host],
    detached: true,
    // a cluster elsewhere calls the address from which its API server is reached
    ...(given === undefined ? {} : { config: { address: '0.0.0.0' }, node: () => ({ nodeIP: undefined }) }),
  });
  await eventually(
    'the node to be Ready',
    async () =>
      (
        await outcome([...kubernetes('kubectl'), `--kubeconfig=${kubeconfig}`, 'get', 'node', 'farlet-demo'])
      ).stdout.includes(' Ready '),
    { describe: () => Promise.resolve(farlet.log()) },
  );
  show('the virtual node', await kubectl('get', 'nodes', '-o', 'wide'));
  const labels = { app: 'hello' };
  const command = [
    'sh',
    '-c',
    'echo hello from $(hostname); trap "exit 0" TERM; while :; do sleep 5; date; done',
  ];
  const spec = {
    tolerations: [{ key: 'virtual-kubelet.io/provider', operator: 'Exists' }],
    nodeSelector: { 'kubernetes.io/hostname': 'farlet-demo' },
    terminationGracePeriodSeconds: 2,
    containers: [{ name: 'hello', image: 'localhost/busybox:1', command }],
  };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'hello' },
    spec: { replicas: 3, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
  writeFileSync(`${folder}/hello.json`, JSON.stringify(deployment));
  await kubectl('apply', '-f', `${folder}/hello.json`);
  await kubectl('rollout', 'status', 'deployment/hello', '--timeout=60s');
  show('a Deployment of three', await kubectl('get', 'pods', '-o', 'wide'));
  show('kubectl logs deployment/hello', await kubectl('logs', 'deployment/hello'));
  show(
    'kubectl exec deployment/hello -- uname -a',
    await kubectl('exec', 'deployment/hello', '--', 'uname', '-a'),
  );
  const metrics = await (await fetch(farlet.metricsUrl)).text();
  show(
    `metrics at ${farlet.metricsUrl}`,
    metrics
      .split('\n')
      .filter((line) =>
        /^(kubelet_running_pods|kubelet_started_containers_total|farlet_sync_loop_events_total|kubelet_pod_start_duration_seconds_count|farlet_host_up)/.test(
          line,
        ),
      )
      .join('\n'),
  );
  show('running on', `export KUBECONFIG=${kubeconfig}\nmake down   # stops it all`);
  process.exit(0);
}

async function clusterCa(kubeconfig: string): Promise<string> {
  const data = await run([
    ...kubernetes('kubectl'),
    `--kubeconfig=${kubeconfig}`,
    '-n',
    'kube-system',
    'get',
    'configmap',
    'kube-root-ca.crt',
    '-o',
    'jsonpath={.data.ca\\.crt}',
  ]);
  writeFileSync(`${folder}/ca.crt`, data);
  return `${folder}/ca.crt`;
}

await (command === 'down' ? down() : up());
