/** What people run beside farlet: status, drain, uncordon, support-bundle, and check without hosts. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { kubernetes } from '../harness/cache.ts';
import { useNamespace } from '../harness/namespace.ts';
import { deployment, IMAGE, shell, SLEEP } from '../harness/pods.ts';
import { outcome, type Outcome } from '../harness/processes.ts';
import { nearAddress } from '../harness/link-hosts.ts';
import { useWorld } from '../harness/world.ts';

const NODE = 'box-1';
const world = useWorld({
  hosts: [{ name: NODE, version: '2' }],
  // the API server is no proxy to loopback addresses
  farlet: { config: { address: '0.0.0.0' }, node: ({ name }) => ({ nodeIP: nearAddress(world.host(name)) }) },
});
const farlet = (...args: string[]): Promise<Outcome> =>
  outcome([process.execPath, 'dist/main.js', ...args, '--kubeconfig', world.plane.kubeconfig]);

interface Status {
  readonly nodes: readonly {
    readonly name: string;
    readonly ready: string;
    readonly owner: string;
    readonly heartbeat: number;
    readonly pods: { readonly bound: number; readonly ready: number };
  }[];
}

describe('beside a farlet that runs', { concurrency: 1 }, () => {
  const pods = useNamespace(world, { name: 'day-two', node: NODE });

  it('farlet status has a row for each node, and exits with 0 while all are ready', async () => {
    await pods.createPod('one');
    await pods.waitReady('one');
    const { code, stdout, stderr } = await farlet('status');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^NODE +STATUS +HOSTS +PODS +WAITING +HEARTBEAT +OWNER +KUBELET-API +AGE$/m);
    assert.match(stdout, /^box-1 +Ready +1\/1 +1\/1 of \d+ +0 +\d+s ago +\S+ +\S+:\d+ +\d+\S+$/m);
  });

  it('and tells it as JSON and YAML', async () => {
    const { stdout } = await farlet('status', NODE, '-o', 'json');
    const [only] = (JSON.parse(stdout) as Status).nodes;
    assert.equal(only?.name, NODE);
    assert.equal(only.ready, 'True');
    assert.notEqual(only.owner, '');
    assert.ok(only.heartbeat < 60);
    assert.equal((await farlet('status', '-o', 'yaml')).stdout.includes('\n  - name: box-1\n'), true);
  });

  it('a node that is none of farlet’s is said to be none', async () => {
    const { code, stderr } = await farlet('status', 'nowhere');
    assert.equal(code, 1);
    assert.match(stderr, /^farlet: nodes "nowhere" not found$/m);
  });

  it('as a plugin of kubectl it is the same program', async () => {
    const folder = `${world.folder}/plugins`;
    mkdirSync(folder, { recursive: true });
    symlinkSync(resolve('dist/main.js'), `${folder}/kubectl-farlet`);
    const path = `${folder}:${resolve('node_modules/.bin')}:${process.env.PATH ?? ''}`;
    const { stdout } = await outcome(['env', `PATH=${path}`, `${folder}/kubectl-farlet`, 'status', '--help']);
    assert.match(stdout, /^kubectl farlet status \[NODE\.\.\.\]\n/);
    const kubectl = ['env', `PATH=${path}`, ...kubernetes('kubectl')];
    const listed = await outcome([...kubectl, 'farlet', 'status', '--kubeconfig', world.plane.kubeconfig]);
    assert.match(listed.stdout, /^box-1 +Ready/m, listed.stderr);
  });

  it('farlet drain refuses what would lose something, and touches nothing', async () => {
    const { code, stderr } = await farlet('drain', NODE);
    assert.equal(code, 2);
    assert.match(stderr, /node box-1 is not drained, nothing was changed:\n +day-two\/one has no controller/);
    const node = await world.plane.kubectl(['get', 'node', NODE, '-o', 'jsonpath={.spec.unschedulable}']);
    assert.equal(node, '');
  });

  it('farlet drain moves the pods of controllers away, and farlet uncordon lets them back in', async () => {
    await pods.kubectl(['delete', 'pod', 'one']);
    await pods.create(deployment('moves', { node: NODE, replicas: 2 }));
    await pods.kubectl(['rollout', 'status', 'deployment/moves', '--timeout=60s']);
    const { code, stdout, stderr } = await farlet('drain', NODE, '--timeout', '60s');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^node box-1 takes no new pods; 2 to be moved\n/);
    assert.equal(stdout.match(/^pod day-two\/moves-\S+ is evicted$/gm)?.length, 2);
    assert.match(stdout, /\nnode box-1 is drained\n$/);
    const status = await farlet('status');
    assert.match(status.stdout, /^box-1 +Ready,SchedulingDisabled +1\/1 /m);
    assert.equal((await farlet('uncordon', NODE)).stdout, 'node box-1 takes pods again\n');
    await pods.kubectl(['rollout', 'status', 'deployment/moves', '--timeout=60s']);
  });

  it('farlet drain gives up after its time, and says so', async () => {
    await pods.create({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'moves' },
      spec: { minAvailable: 2, selector: { matchLabels: { app: 'moves' } } },
    });
    const { code, stdout, stderr } = await farlet('drain', NODE, '--timeout', '5s');
    assert.equal(code, 1);
    assert.match(stdout, /pod day-two\/moves-\S+ waits: Cannot evict pod as it would violate/);
    assert.match(
      stderr,
      /^farlet: node box-1 is not drained yet: day-two\/moves-\S+, day-two\/moves-\S+ left;/m,
    );
    await pods.kubectl(['delete', 'pdb', 'moves']);
    await farlet('uncordon', NODE);
  });

  it('farlet support-bundle has all that helps, and nothing of what was planted', async () => {
    const secret = 'planted-4f1c';
    await pods.createPod('keeps', {
      containers: [
        shell(`echo ${secret}-argument >/dev/termination-log; ${SLEEP}`, {
          image: IMAGE,
          env: [{ name: 'PASSWORD', value: `${secret}-value` }],
        }),
      ],
    });
    await pods.kubectl(['annotate', 'pod', 'keeps', `example.com/note=${secret}-annotation`]);
    await pods.create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'keeps' },
      stringData: { key: `${secret}-secret` },
    });
    await pods.waitReady('keeps');
    const file = `${world.folder}/bundle.tar.gz`;
    const { code, stderr } = await farlet('support-bundle', '-f', file, '--config', world.farlet.configFile);
    assert.equal(code, 0, stderr);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    await outcome(['tar', '-xzf', file, '-C', world.folder]);
    const [name = ''] = readdirSync(world.folder).filter((each) => each.startsWith('farlet-support-'));
    const folder = `${world.folder}/${name}`;
    const files = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`);
    const text = files.map((path) => readFileSync(path, 'utf8')).join('\n');
    assert.ok(
      !text.includes(secret),
      files.filter((path) => readFileSync(path, 'utf8').includes(secret)).join(),
    );
    const missing = files.filter((path) => path.endsWith('missing.txt'));
    assert.deepEqual(
      missing.map((path) => readFileSync(path, 'utf8')),
      [],
    );
    const has = (path: string): string => readFileSync(`${folder}/${path}`, 'utf8');
    assert.match(has('nodes/box-1/pods.json'), /"name": "keeps"/);
    assert.match(has('nodes/box-1/metrics.txt'), /^kubelet_running_pods /m);
    assert.match(has('nodes/box-1/configz.json'), /"kubeletconfig"/);
    assert.match(has('nodes/box-1/events.json'), /"reason": "Started"/);
    assert.match(has('check.json'), /"ok": true/);
    assert.match(has('status.txt'), /^box-1 +Ready/m);
  });

  it('farlet check --offline looks at the file alone', async () => {
    const file = `${world.folder}/far.yaml`;
    const hosts = [{ name: 'box', endpoint: 'unix:///nowhere/containerd.sock' }];
    const head = { apiVersion: 'farlet.dev/v1alpha1', kind: 'FarletConfiguration' };
    writeFileSync(file, JSON.stringify({ ...head, nodes: [{ name: 'a', hosts }] }));
    const { code, stdout } = await farlet('check', '--config', file, '--offline');
    assert.deepEqual([code, stdout], [0, 'ok    configuration  1 node(s)\n']);
    const all = await farlet('check', '--config', file, '-o', 'json');
    assert.equal(all.code, 1);
    const { ok, rows } = JSON.parse(all.stdout) as { ok: boolean; rows: { what: string; state: string }[] };
    assert.equal(ok, false);
    assert.ok(rows.some(({ what, state }) => what === 'a/box link' && state === 'fail'));
  });

  it('farlet check --print-rbac is what the API server takes', async () => {
    const { code, stdout } = await farlet('check', '--config', world.farlet.configFile, '--print-rbac');
    assert.equal(code, 0);
    const file = `${world.folder}/rbac.yaml`;
    writeFileSync(file, stdout);
    await world.plane.kubectl(['create', 'namespace', 'farlet']);
    const applied = await world.plane.kubectl(['apply', '-f', file]);
    assert.equal(applied.trim().split('\n').length, 4, applied);
    const may = await world.plane.kubectl([
      ...['auth', 'can-i', 'patch', `nodes/${NODE}`, '--subresource=status'],
      '--as=system:serviceaccount:farlet:farlet',
    ]);
    assert.equal(may.trim(), 'yes');
  });
});
