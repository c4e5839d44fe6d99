/**
 * README's way from nothing to a pod on a host elsewhere: every command of it is run as it stands there, and
 * says what it says there.
 */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { before, describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { helm, kubernetes } from '../harness/cache.ts';
import { startClusterNodes, valuesFor } from '../harness/installed.ts';
import { eventually, outcome } from '../harness/processes.ts';
import { likeness, stepsBelow, textBelow } from '../harness/transcript.ts';
import { useWorld } from '../harness/world.ts';

const HEADING = 'Install it';
const page = readFileSync('README.md', 'utf8');
const steps = stepsBelow(page, HEADING);
/** README's host, and its image where a registry would be */
const HOST = '198.51.100.9';
const POD_IMAGE = 'docker.io/library/busybox:1.37';

const world = useWorld({
  hosts: [
    { name: 'cluster-node', version: '2' },
    { name: 'far', version: '2', link: 'ssh', user: 'operator' },
  ],
  farlet: false,
  onUp: (up) => startClusterNodes(up, [up.host('cluster-node')]),
});
const folder = (): string => `${world.folder}/readme`;

interface Values {
  readonly image: object;
  readonly config: {
    readonly nodes: readonly [{ readonly name: string; readonly hosts: readonly [object] }];
  };
}

/**
 * README's, with what must be otherwise here: hosts share this machine's control groups, and there is no
 * registry.
 */
function values(): object {
  const shown = parse(textBelow(page, HEADING, 'yaml')) as Values;
  const far = world.remote('far');
  const [node] = shown.config.nodes;
  const here = valuesFor(node.name, { near: [world.host('cluster-node')], far }) as Values;
  const [ours] = here.config.nodes;
  const [host] = node.hosts;
  return {
    ...here,
    ...shown,
    image: here.image,
    config: { ...here.config, nodes: [{ ...ours, ...node, hosts: [{ ...host, endpoint: far.endpoint }] }] },
  };
}

function addCommand(name: string, command: readonly string[]): void {
  const file = `${folder()}/bin/${name}`;
  writeFileSync(file, `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(' ')} "$@"\n`);
  chmodSync(file, 0o755);
}

describe('README', { concurrency: 1 }, () => {
  before(async () => {
    mkdirSync(`${folder()}/bin`, { recursive: true });
    addCommand('kubectl', kubernetes('kubectl'));
    addCommand('helm', [helm(4)]);
    symlinkSync(resolve('dist/main.js'), `${folder()}/bin/kubectl-farlet`);
    symlinkSync(resolve('charts'), `${folder()}/charts`);
    copyFileSync(world.remote('far').ssh.privateKeyFile, `${folder()}/id_ed25519`);
    writeFileSync(`${folder()}/values.yaml`, stringify(values()));
    await world.remote('far').ctr(['images', 'tag', 'localhost/busybox:1', POD_IMAGE]);
    await eventually('the cluster’s own node', async () =>
      (await world.plane.tryKubectl(['get', 'node', 'cluster-node'])).stdout.includes(' Ready '),
    );
  });

  it('names the host and the image of its pod', () => {
    assert.ok(page.includes(`ssh://operator@${HOST}/run/containerd/containerd.sock`));
    assert.ok(page.includes(`--image=${POD_IMAGE.replace('docker.io/library/', '')} `));
    assert.ok(steps.length > 5);
  });

  const session: string[] = [];
  for (const { command, output } of steps)
    it(`$ ${command}`, async () => {
      const path = [`${folder()}/bin`, resolve('node_modules/.bin'), process.env.PATH ?? ''].join(':');
      const home = `${world.folder}/helm`;
      const { code, stdout, stderr } = await outcome(
        ['sh', '-c', `cd ${folder()} && { ${command.replaceAll(HOST, world.remote('far').address)}; }`],
        {
          timeoutMs: 180_000,
          env: {
            ...{ PATH: path, KUBECONFIG: world.plane.kubeconfig },
            ...{ HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home },
          },
        },
      );
      const said = `${stdout}${stderr}`;
      session.push(`$ ${command}\n${said}`);
      const file = process.env.FARLET_README_SESSION;
      if (file !== undefined) writeFileSync(file, session.join(''));
      assert.equal(code, 0, said);
      assert.match(said === '' ? '' : `${said.trimEnd()}\n`, likeness(output));
    });
});
