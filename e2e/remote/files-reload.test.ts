/** Keys and certificates are replaced while farlet runs: what is open goes on, what comes uses the new. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { kubernetes } from '../harness/cache.ts';
import { writeKubeconfig } from '../harness/control-plane.ts';
import type { Farlet } from '../harness/farlet.ts';
import { askKubelet } from '../harness/kubelet-client.ts';
import { useNamespace } from '../harness/namespace.ts';
import { Authority, type KeyPair } from '../harness/pki.ts';
import { eventually, run } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';

const NODE = 'far';
const SECOND_USER = 'farlet-renewed';
const world = useWorld({
  hosts: [{ name: NODE, version: '2', link: 'ssh' }],
  farlet: false,
  audited: SECOND_USER,
});

describe('files that are replaced', { concurrency: 1 }, () => {
  const pods = useNamespace(world, { name: 'e2e-files', node: NODE, awaitNode: false });
  let farlet: Farlet;
  let folder: string;
  let version = 0;

  /** As a mounted Secret changes: all of its files at once, by a link. */
  const mount = (name: string, files: Readonly<Record<string, string | Buffer>>): void => {
    version += 1;
    const at = `${folder}/${name}`;
    mkdirSync(`${at}/${String(version)}`, { recursive: true });
    for (const [file, content] of Object.entries(files))
      writeFileSync(`${at}/${String(version)}/${file}`, content, { mode: 0o600 });
    symlinkSync(String(version), `${at}/..next`);
    renameSync(`${at}/..next`, `${at}/..data`);
    for (const file of Object.keys(files))
      if (version === 1 || !exists(`${at}/${file}`)) symlinkSync(`..data/${file}`, `${at}/${file}`);
  };
  const exists = (file: string): boolean => {
    try {
      readFileSync(file);
      return true;
    } catch {
      return false;
    }
  };
  const until = (what: string, check: () => Promise<boolean>, timeoutMs = 60_000): Promise<unknown> =>
    eventually(what, check, { timeoutMs, everyMs: 300, describe: () => Promise.resolve(farlet.log()) });
  const isUsed = async (file: string): Promise<string | undefined> => {
    const text = await (await fetch(farlet.metricsUrl)).text();
    return text
      .split('\n')
      .find((line) => line.startsWith('farlet_file_reload_successful{') && line.includes(file))
      ?.split(' ')
      .at(-1);
  };
  const kubeconfigFor = async (cn: string): Promise<Buffer> => {
    const authority = Authority.at(`${world.plane.folder}/pki`, 'ca');
    const user = await authority.issue(cn, { cn, o: 'system:masters', usage: 'clientAuth' });
    writeKubeconfig(`${folder}/${cn}`, { server: world.plane.server, ca: authority.cert, user });
    const config = JSON.parse(readFileSync(`${folder}/${cn}`, 'utf8')) as {
      users: { user: Record<string, string> }[];
    };
    // in the file itself, as most have it
    for (const each of config.users)
      each.user = {
        'client-certificate-data': readFileSync(user.cert, 'base64'),
        'client-key-data': readFileSync(user.key, 'base64'),
      };
    return Buffer.from(JSON.stringify(config));
  };

  before(async () => {
    folder = `${world.folder}/mounted`;
    mkdirSync(folder, { recursive: true });
    const host = world.remote(NODE);
    mount('kube', { config: await kubeconfigFor('farlet-first') });
    mount('ca', { 'ca.crt': readFileSync(world.plane.clientCa) });
    mount('ssh', {
      key: readFileSync(host.ssh.privateKeyFile),
      known_hosts: readFileSync(host.ssh.knownHostsFile),
    });
    const ssh = { privateKeyFile: `${folder}/ssh/key`, knownHostsFile: `${folder}/ssh/known_hosts` };
    farlet = await world.startFarlet('farlet', {
      hosts: [{ ...host, ssh }],
      plane: { kubeconfig: `${folder}/kube/config`, clientCa: `${folder}/ca/ca.crt` },
    });
    await until('the node', async () =>
      (await world.plane.tryKubectl(['get', 'node', NODE])).stdout.includes(' Ready '),
    );
    await pods.createPod('kept');
    await pods.waitReady('kept', 60_000);
  });

  /** Whether the API server has renewed a lease for the second user. */
  const hasRenewed = (): boolean =>
    exists(`${world.plane.folder}/audit.log`) &&
    world.plane.audit().some(({ verb, objectRef }) => verb === 'update' && objectRef?.resource === 'leases');

  it('a client certificate in the kubeconfig: requests use the new one, half a file nothing', async () => {
    const renewed = await kubeconfigFor(SECOND_USER);
    mount('kube', { config: renewed.subarray(0, renewed.length / 2) });
    await until('the metric', async () => (await isUsed('kube/config')) === '0');
    assert.equal(hasRenewed(), false);
    mount('kube', { config: renewed });
    await until('a lease that the new one has renewed', () => Promise.resolve(hasRenewed()));
    assert.equal(await isUsed('kube/config'), '1');
    // watches of before are there still: a pod that is new comes by one of them
    await pods.createPod('later');
    await pods.waitReady('later');
  });

  it('the authority of client certificates', async () => {
    const other = await Authority.create(`${folder}/other`, 'other-ca');
    const caller: KeyPair = await other.issue('caller', { cn: 'caller', usage: 'clientAuth' });
    const ask = async (): Promise<number> =>
      (await askKubelet({ url: farlet.kubeletUrl(NODE), path: '/pods', as: caller })).code;
    assert.equal(await ask(), 401);
    mount('ca', { 'ca.crt': Buffer.concat([readFileSync(world.plane.clientCa), readFileSync(other.cert)]) });
    // known, and allowed nothing
    await until('another answer', async () => (await ask()) === 403);
    assert.equal((await pods.sh('kept', 'echo hello')).trim(), 'hello');
  });

  it('the key of ssh, while somebody is in a container', async () => {
    const host = world.remote(NODE);
    const inside = spawn(
      kubernetes('kubectl')[0] ?? '',
      [
        ...kubernetes('kubectl').slice(1),
        `--kubeconfig=${world.plane.kubeconfig}`,
        '-n',
        pods.name,
        'exec',
        '-i',
        'kept',
        '--',
        'cat',
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    let said = '';
    inside.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const echo = async (text: string): Promise<void> => {
      inside.stdin.write(`${text}\n`);
      await until(text, () => Promise.resolve(said.includes(text)), 20_000);
    };
    try {
      await echo('before');
      const known = readFileSync(`${folder}/ssh/known_hosts`);
      await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', `${folder}/renewed`]);
      const authorized = readFileSync(`${folder}/renewed.pub`, 'utf8').trim();
      const { code, stderr } = await host.inside(['sh', '-c', `echo '${authorized}' > /etc/ssh/users/root`]);
      assert.equal(code, 0, stderr);
      const key = readFileSync(`${folder}/renewed`);
      mount('ssh', { key: key.subarray(0, 60), known_hosts: known });
      await until('the metric', async () => (await isUsed('ssh/key')) === '0');
      mount('ssh', { key, known_hosts: known });
      await until('the metric', async () => (await isUsed('ssh/key')) === '1');
      await echo('after');
    } finally {
      inside.kill();
    }
    // the next login needs the new key: the old one is not authorized any more
    await host.stopSshd();
    await host.startSshd();
    await pods.createPod('by-the-new-key');
    await pods.waitReady('by-the-new-key', 60_000);
  });
});
