/** The soak: pods by the thousand are created and deleted, and nothing may grow. `npm run soak -- --help`. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startFakeRuntime } from '../e2e/fakes/runtime.ts';
import { startControlPlane, type ControlPlane } from '../e2e/harness/control-plane.ts';
import { startFarlet, type Farlet } from '../e2e/harness/farlet.ts';
import { startHost } from '../e2e/harness/host.ts';
import { eventually } from '../e2e/harness/processes.ts';
import { connectKube } from '../src/kube/connect.ts';
import { missing } from './environment.ts';
import { NodePods } from './node-pods.ts';
import { memory } from './process-usage.ts';
import { leftOn, type SoakedHost } from './soak-host.ts';
import { verdicts, type Sample } from './soak-samples.ts';
import { summary } from './stats.ts';
import { table } from './table.ts';

const help = `usage: npm run soak -- [flags]

Creates and deletes pods in rounds, on a fake runtime and on a real containerd, and shows whether latency, memory,
open files, timers, or what is left on the hosts grow. Exits 1 if something does.

  --fake N             pods on the fake runtime (2000)
  --real N             pods on containerd (240)
  --rounds N           rounds, each with its share of the pods (12)
  --width N            pods created side by side (8)
  --containerd 1.6|2   the real host's runtime (2)
  --json FILE          where the samples go (bench/results/soak-<time>.json)
`;

interface Options {
  readonly fake: number;
  readonly real: number;
  readonly rounds: number;
  readonly width: number;
  readonly containerd: '1.6' | '2';
  readonly json: string;
}

interface Soak {
  readonly host: SoakedHost;
  readonly pods: NodePods;
  readonly samples: Sample[];
}

const log = (text: string): void => {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`);
};

function parse(): Options | undefined {
  const { values } = parseArgs({
    options: {
      fake: { type: 'string', default: '2000' },
      real: { type: 'string', default: '240' },
      rounds: { type: 'string', default: '12' },
      width: { type: 'string', default: '8' },
      containerd: { type: 'string', default: '2' },
      json: {
        type: 'string',
        default: `bench/results/soak-${new Date().toISOString().replace(/[:.]/g, '-')}.json`,
      },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const whole = (flag: 'fake' | 'real' | 'rounds' | 'width', min: number): number => {
    const value = Number(values[flag]);
    if (!Number.isInteger(value) || value < min)
      throw new Error(`--${flag} ${values[flag]}: a whole number of at least ${min} is needed`);
    return value;
  };
  const { containerd, json } = values;
  if (containerd !== '1.6' && containerd !== '2')
    throw new Error(`--containerd ${containerd}: there are 1.6 and 2`);
  const sizes = {
    fake: whole('fake', 0),
    real: whole('real', 0),
    rounds: whole('rounds', 4),
    width: whole('width', 1),
  };
  return { ...sizes, containerd, json };
}

async function soak(options: Options): Promise<Soak[]> {
  const folder = mkdtempSync('/tmp/farlet-soak-');
  const life = new AbortController();
  const ends: (() => unknown)[] = [
    () => {
      rmSync(folder, { recursive: true, force: true });
    },
  ];
  try {
    log('control plane, hosts and farlet');
    const plane = await startControlPlane({ folder: `${folder}/plane` });
    ends.push(() => plane.stop());
    const hosts = await startHosts(folder, options, ends);
    // a whole round's pods live at a time
    const maxPods = Math.max(
      110,
      ...[options.fake, options.real].map((all) => perRound(all, options.rounds)),
    );
    const farlet = await startFarlet({ folder: `${folder}/farlet`, plane, hosts, config: { maxPods } });
    ends.push(() => farlet.stop());
    const client = connectKube({ userAgent: 'farlet-soak', kubeconfig: plane.kubeconfig });
    ends.push(
      () => client.close(),
      () => {
        life.abort(new Error('the soak is over'));
      },
    );
    const soaks: Soak[] = [];
    for (const host of hosts) {
      await isReady(plane, farlet, host.name);
      const pods = new NodePods({ client, node: host.name, namespace: 'default', signal: life.signal });
      soaks.push({ host, pods, samples: [] });
    }
    for (const each of soaks)
      await soakHost(each, { options, farlet, logs: `${folder}/farlet/logs` }).catch((error: unknown) => {
        log(`${each.host.name}: ${String(error)}\n${farlet.log()}`);
        throw error;
      });
    return soaks;
  } finally {
    // what can't be taken away, such as mounts of pods that are left, must not hide why the soak ended
    for (const end of ends.reverse())
      await Promise.resolve()
        .then(end)
        .catch((error: unknown) => {
          log(`left behind: ${String(error)}`);
        });
  }
}

async function startHosts(
  folder: string,
  { containerd, fake, real }: Options,
  ends: (() => unknown)[],
): Promise<SoakedHost[]> {
  const hosts: SoakedHost[] = [];
  if (fake > 0) {
    const at = `${folder}/fake`;
    mkdirSync(at, { recursive: true });
    const runtime = await startFakeRuntime({ socket: `${at}/cri.sock`, folder: at });
    ends.push(() => runtime.close());
    hosts.push({
      name: 'fake',
      endpoint: runtime.endpoint,
      folder: at,
      address: '127.0.0.1',
      cgroupRoot: '/farlet-soak',
      fake: runtime,
      socket: runtime.socket,
    });
  }
  if (real > 0) {
    const host = await startHost({ name: 'real', version: containerd, folder: `${folder}/real` });
    ends.push(() => host.stop());
    const { name, endpoint, socket, bridge, address, cgroupRoot } = host;
    hosts.push({
      name,
      endpoint,
      folder: host.folder,
      socket,
      address,
      cgroupRoot,
      ...(bridge === undefined ? {} : { bridge }),
    });
  }
  return hosts;
}

async function isReady(plane: ControlPlane, farlet: Farlet, node: string): Promise<void> {
  await eventually(
    `node ${node} to be Ready`,
    async () => (await plane.tryKubectl(['get', 'node', node])).stdout.includes(' Ready '),
    { describe: () => Promise.resolve(farlet.log()) },
  );
}

async function soakHost(
  { host, pods, samples }: Soak,
  { options, farlet, logs }: { options: Options; farlet: Farlet; logs: string },
): Promise<void> {
  const { rounds, width } = options;
  const all = host.fake === undefined ? options.real : options.fake;
  const each = perRound(all, rounds);
  for (let round = 0; round < rounds; round += 1) {
    const names = Array.from({ length: each }, (_, index) => `${host.name}-${round}-${index}`);
    const ready: number[] = [];
    const gone: number[] = [];
    await inLanes(names, width, async (name) => {
      const { createdAt, readyAt } = await pods.start(name);
      ready.push(readyAt - createdAt);
    });
    await inLanes(names, width, async (name) => {
      gone.push(await pods.delete(name));
    });
    // what a container leaves goes a moment after its pod's object
    await eventually(
      'the host to be empty',
      async () => Object.values(await leftOn(host, logs)).every((n) => n === 0),
      {
        timeoutMs: 90_000,
        everyMs: 500,
      },
    ).catch(() => undefined);
    const sample = await look(farlet, {
      pods: (round + 1) * each,
      ready,
      gone,
      left: await leftOn(host, logs),
    });
    samples.push(sample);
    log(
      `${host.name}: ${sample.pods} pods, ${sample.readyMs.toFixed(0)} ms to Ready, ${sample.rssMiB.toFixed(0)} MiB, ${sample.openFiles} files`,
    );
  }
}

function perRound(pods: number, rounds: number): number {
  return Math.ceil(pods / rounds);
}

async function look(
  farlet: Farlet,
  seen: { pods: number; ready: number[]; gone: number[]; left: Record<string, number> },
): Promise<Sample> {
  const text = await (await fetch(farlet.metricsUrl)).text();
  const resources = [...text.matchAll(/^nodejs_active_resources\{.*?type="(\w+)".*?\} (\d+)$/gm)];
  const sum = (isWanted: (type: string) => boolean): number =>
    resources
      .filter(([, type = '']) => isWanted(type))
      .reduce((total, [, , count]) => total + Number(count), 0);
  // every node's metrics tell of the one process
  const nodes = text.match(/^kubelet_node_name\{/gm)?.length ?? 1;
  return {
    pods: seen.pods,
    readyMs: summary(seen.ready).median,
    goneMs: summary(seen.gone).median,
    rssMiB: memory(farlet.pid()).rssMiB,
    openFiles: readdirSync(`/proc/${farlet.pid()}/fd`).length,
    timers: sum((type) => type === 'Timeout') / nodes,
    handles: sum((type) => type !== 'Timeout') / nodes,
    series: text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length,
    left: seen.left,
  };
}

async function inLanes<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const lane = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

function report(soaks: readonly Soak[]): boolean {
  let isFlat = true;
  for (const { host, samples } of soaks) {
    const found = verdicts(samples);
    isFlat &&= found.every((each) => each.isFlat);
    const rows = found.map((each) => [
      each.figure,
      each.early.toFixed(0),
      each.late.toFixed(0),
      each.allowed,
      each.isFlat ? 'flat' : 'GROWS',
    ]);
    const title = `${String(samples.at(-1)?.pods ?? 0)} pods on ${host.fake === undefined ? 'containerd' : 'the fake runtime'}`;
    process.stdout.write(
      `\n${title}\n${table(['figure', 'second quarter', 'last quarter', 'allowed', ''], rows)}\n`,
    );
  }
  return isFlat;
}

const options = parse();
if (options === undefined) process.stdout.write(help);
else {
  const problems = await missing(options.containerd);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const soaks = await soak(options);
  const isFlat = report(soaks);
  mkdirSync('bench/results', { recursive: true });
  writeFileSync(
    options.json,
    JSON.stringify(
      { options, hosts: soaks.map(({ host, samples }) => ({ host: host.name, samples })) },
      undefined,
      2,
    ),
  );
  process.stdout.write(`\n${options.json}\n`);
  process.exit(isFlat ? 0 : 1);
}
