/** `farlet version`, `check` and `run` from the shell: what they print, how they exit, what they leave. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { describe, it } from 'node:test';
import { writeKubeconfig } from '../harness/control-plane.ts';
import { useNamespace } from '../harness/namespace.ts';
import { outcome, type Outcome } from '../harness/processes.ts';
import { bothContainerds, useWorld } from '../harness/world.ts';

const world = useWorld({ hosts: bothContainerds });
const farlet = (...args: string[]): Promise<Outcome> => outcome([process.execPath, 'dist/main.js', ...args]);
const socket = 'unix:///nowhere/containerd.sock';
const node = (name: string, port: number, more: object = {}): object => ({
  name,
  port,
  hosts: [{ name: 'box', endpoint: socket }],
  ...more,
});

let files = 0;
/** Writes a configuration; a string is the text itself. */
function config(content: object | string): string {
  const folder = `${world.folder}/configs`;
  mkdirSync(folder, { recursive: true });
  const file = `${folder}/${files++}.yaml`;
  const head = { apiVersion: 'farlet.dev/v1alpha1', kind: 'FarletConfiguration' };
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify({ ...head, ...content }));
  return file;
}

describe('farlet version', () => {
  it('tells its own and the kubelet’s', async () => {
    const { code, stdout } = await farlet('version');
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^farlet \d+\.\d+\.\d+ \(kubelet v1\.\d+\.\d+, commit [0-9a-f]{40}( with changes)?\)\n$/,
    );
  });
});

describe('what cannot be run exits with 2 and says why', () => {
  const rows: { name: string; args: () => string[]; expect: RegExp[] }[] = [
    { name: 'no command', args: () => [], expect: [/no command given/, /farlet run --config FILE/] },
    { name: 'an unknown command', args: () => ['fly'], expect: [/unknown command fly/] },
    { name: 'an unknown option', args: () => ['run', '--fast'], expect: [/--fast/] },
    { name: 'no configuration', args: () => ['run'], expect: [/--config is required/] },
    {
      name: 'a configuration that is not there',
      args: () => ['run', '--config', '/nope.yaml'],
      expect: [/\/nope\.yaml/, /can't be read: ENOENT/],
    },
    {
      name: 'a configuration that is a folder',
      args: () => ['run', '--config', world.folder],
      expect: [/can't be read: EISDIR/],
    },
    {
      name: 'text that is no YAML',
      args: () => ['run', '--config', config('a: [')],
      expect: [/0\.yaml|\.yaml/],
    },
    {
      name: 'a key that is none',
      args: () => ['run', '--config', config({ clusterDns: [], nodes: [node('a', 1)] })],
      expect: [/clusterDns \(line 1\): unknown key; did you mean clusterDNS\?/],
    },
    {
      name: 'a value of the wrong type: key, found, allowed',
      args: () => ['run', '--config', config({ maxPods: 'many', nodes: [node('a', 1)] })],
      expect: [/maxPods \(line 1\): .*number.*, found "many"/],
    },
    {
      name: 'a value that is not among the allowed',
      args: () => ['run', '--config', config({ authorization: { mode: 'Maybe' }, nodes: [node('a', 1)] })],
      expect: [/authorization\.mode \(line 1\): .*"Webhook"\|"AlwaysAllow".*, found "Maybe"/],
    },
    {
      name: 'two nodes with one name and one port',
      args: () => ['run', '--config', config({ nodes: [node('a', 1), node('a', 1)] })],
      expect: [
        /nodes\[1\]\.name: a is nodes\[0\]'s already; every node needs a name of its own/,
        /nodes\[1\]\.port: 1 is nodes\[0\]'s already; every node needs a port of its own/,
      ],
    },
    {
      name: 'everybody let in, from everywhere, to everything',
      args: () => [
        'run',
        '--config',
        config({ authorization: { mode: 'AlwaysAllow' }, nodes: [node('a', 1)] }),
      ],
      expect: [/authorization\.mode: AlwaysAllow without authentication\.x509\.clientCAFile/, /127\.0\.0\.1/],
    },
    {
      name: 'files that cannot be used',
      args: () => [
        'run',
        '--config',
        config({
          tlsCertFile: '/nope.crt',
          tlsPrivateKeyFile: world.plane.kubeconfig,
          authentication: { x509: { clientCAFile: world.folder } },
          nodes: [node('a', 1)],
        }),
      ],
      expect: [
        /tlsCertFile: \/nope\.crt can't be read: ENOENT/,
        /tlsPrivateKeyFile: \S+ holds no private key in PEM form/,
        /authentication\.x509\.clientCAFile: \S+ can't be read: EISDIR/,
      ],
    },
    {
      name: 'a kubeconfig that is not there',
      args: () => ['run', '--config', config({ nodes: [node('a', 1)] }), '--kubeconfig', '/nope'],
      expect: [/kubeconfig \/nope can't be read/],
    },
    {
      name: 'a log level that is none',
      args: () => ['run', '--config', config({ nodes: [node('a', 1)] }), '--log-level', 'loud'],
      expect: [/--log-level: loud is not one of .*debug/],
    },
  ];
  for (const { name, args, expect } of rows)
    it(name, async () => {
      const { code, stdout, stderr } = await farlet(...args());
      assert.equal(code, 2, stderr);
      assert.equal(stdout, '');
      for (const pattern of expect) assert.match(stderr, pattern);
    });

  it('but a port that is taken exits with 1 and names it', async () => {
    const taken: Server = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    try {
      const file = config({ healthzPort: port, metricsPort: 0, nodes: [node('a', 1)] });
      const { code, stderr } = await farlet('run', '--config', file, '--kubeconfig', world.plane.kubeconfig);
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`^farlet: healthzPort: .*EADDRINUSE.*:${port}; choose another`, 'm'));
    } finally {
      taken.close();
    }
  });
});

describe('farlet check', () => {
  it('a world that is well: every row ok, exit 0', async () => {
    const { code, stdout } = await farlet(
      'check',
      '--config',
      world.farlet.configFile,
      '--kubeconfig',
      world.plane.kubeconfig,
    );
    assert.equal(code, 0, stdout);
    const rows = stdout.trimEnd().split('\n');
    assert.ok(rows.every((row) => row.startsWith('ok    ')));
    const columns = new Set(rows.map((row) => /^ok {4}\S+(?: \S+)* {2,}/.exec(row)?.[0].length));
    assert.equal(columns.size, 1, `columns that line up: ${stdout}`);
    for (const name of world.nodes) {
      const host = world.host(name);
      assert.deepEqual(await host.containers(), [], 'nothing is left in the runtime');
      const { stdout: left } = await host.inside(['find', `${host.folder}/farlet`, '-name', '.check*']);
      assert.equal(left, '', 'nothing is left on the disk');
    }
    for (const pattern of [
      /^ok {4}configuration +2 node\(s\)$/m,
      /^ok {4}node-1-6\/box runtime +containerd v?1\.6\.\S+, \d+ ms$/m,
      /^ok {4}node-2\/box runtime +containerd v?2\.\S+, \d+ ms$/m,
      /^ok {4}node-2\/box RuntimeReady +true$/m,
      /^ok {4}node-2\/box link +unix:\/\/\S+$/m,
      /^ok {4}node-2\/box latency +\d+(?:\.\d)? ms a round trip$/m,
      /^ok {4}node-1-6\/box handlers +runc$/m,
      /^ok {4}node-2\/box handlers +runc$/m,
      /^ok {4}node-2\/box NetworkReady +true$/m,
      /^ok {4}node-1-6\/box sandbox +one was made in \d+ ms, with an address by CNI$/m,
      /^ok {4}node-1-6\/box streaming +the runtime serves streams at 127\.0\.0\.1:\d+$/m,
      /^ok {4}node-2\/box streaming +the runtime serves streams at 127\.0\.0\.1:\d+$/m,
      /^ok {4}node-2\/box files +\S+ is writable$/m,
      /^ok {4}node-2\/box logs +\S+ is writable$/m,
      /^ok {4}node-2\/box tmpfs +Secrets and tokens can be kept in memory$/m,
      /^ok {4}node-2\/box rights +root, with all that files and mounts need$/m,
      /^ok {4}node-2\/box clock +as farlet's$/m,
      /^ok {4}node-2\/box cgroups +v\d, driver cgroupfs$/m,
      /^ok {4}API server +https:\/\/127\.0\.0\.1:\d+, Kubernetes v1\.\d+\.\d+$/m,
      /^ok {4}may patch pods\/status +yes$/m,
    ])
      assert.match(stdout, pattern);
  });

  it('a runtime that is not there, an API server that is not there: told, exit 1', async () => {
    const kubeconfig = `${world.folder}/nobody.kubeconfig`;
    writeKubeconfig(kubeconfig, {
      server: 'https://127.0.0.1:1',
      ca: world.plane.clientCa,
      user: { token: 'x' },
    });
    const { code, stdout } = await farlet(
      'check',
      '--config',
      config({ nodes: [node('a', 1)] }),
      '--kubeconfig',
      kubeconfig,
    );
    assert.equal(code, 1);
    assert.match(
      stdout,
      /^FAIL {2}a\/box link +unix:\/\/\/nowhere\/containerd\.sock: .*ENOENT.*\n +-> is the runtime running, and is this its socket\?/m,
    );
    assert.match(stdout, /^FAIL {2}API server +.*127\.0\.0\.1:1 can't be reached: .*ECONNREFUSED/m);
  });

  it('a runtime that takes the connection and never answers: told within its deadline, other hosts as ever', async () => {
    const path = `${world.folder}/hung.sock`;
    const hung = createServer(() => undefined);
    await new Promise<void>((resolve) => hung.listen(path, resolve));
    try {
      const { endpoint, cgroupRoot, folder } = world.host('node-2');
      const file = config({
        podLogsDir: `${world.folder}/farlet/logs/pods`,
        nodes: [
          node('hangs', 1, { hosts: [{ name: 'box', endpoint: `unix://${path}` }] }),
          node('well', 2, {
            rootDir: `${folder}/farlet`,
            cgroupRoot,
            hosts: [{ name: 'box', endpoint }],
          }),
        ],
      });
      const began = performance.now();
      const { code, stdout } = await farlet(
        'check',
        '--config',
        file,
        '--kubeconfig',
        world.plane.kubeconfig,
      );
      assert.ok(performance.now() - began < 45_000);
      assert.equal(code, 1);
      assert.match(
        stdout,
        /^FAIL {2}hangs\/box runtime +unix:\S+: .*\n +-> it takes the connection and does not answer/m,
      );
      assert.match(stdout, /^ok {4}well\/box streaming/m);
    } finally {
      hung.close();
    }
  });

  it('a host without a network, and folders that can not be written: each told, with what to do', async () => {
    const bare = await world.startHost({ name: 'bare', version: '2' });
    const sealed = `${bare.folder}/sealed`;
    await bare.inside([
      'sh',
      '-c',
      `rm ${bare.folder}/cni/*; mkdir ${sealed} && mount -t tmpfs -o ro tmpfs ${sealed}`,
    ]);
    await bare.kill();
    await bare.start();
    const file = config({
      podLogsDir: `${sealed}/logs`,
      nodes: [
        node('bare', 1, {
          rootDir: `${sealed}/farlet`,
          cgroupRoot: bare.cgroupRoot,
          hosts: [{ name: 'box', endpoint: bare.endpoint }],
        }),
      ],
    });
    const { code, stdout } = await farlet('check', '--config', file, '--kubeconfig', world.plane.kubeconfig);
    assert.equal(code, 1);
    for (const pattern of [
      /^FAIL {2}bare\/box NetworkReady +Network plugin returns error: cni plugin not initialized\n +-> .*\/etc\/cni\/net\.d/m,
      /^ok {4}bare\/box sandbox +one was made in \d+ ms, with the host's network$/m,
      /^ok {4}bare\/box streaming/m,
      /^FAIL {2}bare\/box files +.*sealed\/farlet.*\n +-> pods need this folder, rootDir of the node/m,
    ])
      assert.match(stdout, pattern);
    assert.deepEqual(await bare.containers(), []);
  });

  it('an account without rights: each missing permission by name, exit 1', async () => {
    const token = await world.plane.kubectl(['-n', 'default', 'create', 'token', 'default']);
    const kubeconfig = `${world.folder}/poor.kubeconfig`;
    writeKubeconfig(kubeconfig, {
      server: world.plane.server,
      ca: world.plane.clientCa,
      user: { token: token.trim() },
    });
    const { code, stdout } = await farlet(
      'check',
      '--config',
      world.farlet.configFile,
      '--kubeconfig',
      kubeconfig,
    );
    assert.equal(code, 1);
    assert.match(stdout, /^FAIL {2}may create nodes +not allowed: grant it in the ClusterRole of farlet$/m);
    assert.match(stdout, /^FAIL {2}may watch secrets +not allowed/m);
    assert.match(stdout, /^ok {4}node-2\/box runtime/m);
  });
});

for (const name of world.nodes.slice(-1)) {
  describe(`farlet run on ${name}`, () => {
    const pods = useNamespace(world, { name: `run-${name}`, node: name });

    it('SIGTERM ends it within ten seconds with 0, and pods run on', async (t) => {
      await pods.createPod('stays');
      await pods.createPod('hangs', { containers: [{ name: 'c', image: '127.0.0.1:1/none:1' }] });
      await pods.waitReady('stays');
      const before = await pods.container('stays');
      // a client that follows a log must not hold it up
      const follow = pods.tryKubectl(['logs', '-f', 'stays']);
      const started = performance.now();
      await world.farlet.stop('SIGTERM');
      const tookMs = performance.now() - started;
      t.diagnostic(`stopped after ${Math.round(tookMs)} ms`);
      assert.ok(tookMs < 10_000, `${tookMs} ms`);
      assert.equal(world.farlet.exitCode(), 0);
      await follow;
      const tasks = await world.host(name).ctr(['tasks', 'ls']);
      const id = before?.containerID?.replace('containerd://', '') ?? 'none';
      assert.match(tasks, new RegExp(`^${id} +\\d+ +RUNNING`, 'm'));
      world.farlet.start();
      await pods.wait('farlet to be healthy', async () => (await fetch(world.farlet.healthUrl)).ok);
      await pods.createPod('next');
      await pods.waitReady('next');
      assert.deepEqual(await pods.container('stays'), before);
    });
  });
}
