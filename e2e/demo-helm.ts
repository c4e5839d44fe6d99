/**
 * The demo of the chart: a cluster, a node of it, a host elsewhere behind ssh, and what one does to install
 * farlet, each command as it is run. On a terminal it stays until Enter is pressed; then nothing is left.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { stringify } from 'yaml';
import { startControlPlane } from './harness/control-plane.ts';
import { startFarlet } from './harness/farlet.ts';
import { startHost } from './harness/host.ts';
import {
  NAMESPACE,
  preparations,
  RELEASE,
  runHelm,
  startClusterNodes,
  valuesFor,
  type Place,
} from './harness/installed.ts';
import { deployment, shell } from './harness/pods.ts';
import { eventually, type Outcome } from './harness/processes.ts';
import { startRemoteHost } from './harness/remote-host.ts';

const NODE = 'edge-1';
const folder = mkdtempSync('/tmp/farlet-demo-helm-');
const ends: (() => unknown)[] = [
  () => {
    rmSync(folder, { recursive: true, force: true });
  },
];

function say(text: string): void {
  process.stdout.write(`${text.trimEnd()}\n`);
}

/** Shows a command and what it says. */
async function shown(command: string, work: Promise<Outcome>): Promise<Outcome> {
  say(`\n$ ${command}`);
  const result = await work;
  say(result.stdout + result.stderr);
  if (result.code !== 0) throw new Error(`${command} exited with ${String(result.code)}`);
  return result;
}

async function up(): Promise<void> {
  say('── a cluster, a node of it, and a host elsewhere');
  const plane = await startControlPlane({ folder: `${folder}/plane` });
  ends.push(() => plane.stop());
  const near = await startHost({ name: 'cluster-node', version: '2', folder: `${folder}/cluster-node` });
  ends.push(() => near.stop());
  const far = await startRemoteHost({
    name: 'box-1',
    version: '2',
    user: 'operator',
    folder: `${folder}/box-1`,
  });
  ends.push(() => far.stop());
  const place: Place = {
    plane,
    folder,
    onEnd: (stop) => ends.push(stop),
    startFarlet: async (name, options) => {
      const farlet = await startFarlet({ plane, ...options, folder: `${folder}/${name}` });
      ends.push(() => farlet.stop());
      return farlet;
    },
  };
  await startClusterNodes(place, [near]);
  const kubectl = (command: string, input?: string): Promise<Outcome> =>
    shown(`kubectl ${command}`, plane.tryKubectl(command.split(' '), input));
  const helm = (command: string, values?: object): Promise<Outcome> =>
    shown(
      `helm ${command} --namespace ${NAMESPACE}${values === undefined ? '' : ' --values values.yaml'}`,
      runHelm(place, command.split(' '), values === undefined ? {} : { values }),
    );

  for (const each of preparations(far)) await kubectl(each);
  const values = valuesFor(NODE, { near: [near], far });
  say(`\n── values.yaml\n${stringify(values)}`);
  await helm(`install ${RELEASE} charts/farlet --wait`, values);
  await eventually('the node', async () =>
    (await plane.tryKubectl(['get', 'node', NODE])).stdout.includes(' Ready '),
  );
  await kubectl('get nodes');
  await kubectl(`-n ${NAMESPACE} get pods -o wide`);
  await helm(`test ${RELEASE} --logs`);
  const command = 'echo hello from $(hostname); trap "exit 0" TERM; while :; do sleep 1; done';
  const web = deployment('hello', { node: NODE, replicas: 2, spec: { containers: [shell(command)] } });
  writeFileSync(`${folder}/hello.json`, JSON.stringify(web));
  await shown('kubectl apply -f hello.json', plane.tryKubectl(['apply', '-f', `${folder}/hello.json`]));
  await kubectl('rollout status deployment/hello --timeout=60s');
  await kubectl('get pods -o wide');
  await kubectl('logs deployment/hello');
  await kubectl('exec deployment/hello -- hostname');
  await helm(`upgrade ${RELEASE} charts/farlet --wait`, { ...values, logLevel: 'debug' });
  await kubectl('get pods');
  if (process.stdin.isTTY) {
    say(`\n── running on until Enter is pressed\nexport KUBECONFIG=${plane.kubeconfig}`);
    await once(process.stdin, 'data');
  }
  await helm(`uninstall ${RELEASE}`);
}

try {
  await up();
} finally {
  for (const end of ends.reverse()) await end();
}
process.exit(0);
