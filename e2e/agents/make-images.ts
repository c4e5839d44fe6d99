/**
 * Writes an OCI archive with an image of each agent, made of programs that were built before and of this
 * machine's busybox and iptables.
 * usage: node make-images.ts FOLDER-OF-PROGRAMS ARCHIVE
 */
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { writeOciArchive } from '../harness/oci-archive.ts';
import { run } from '../harness/processes.ts';

const [programs = 'bin', archive = 'agents.tar'] = process.argv.slice(2);
const BUSYBOX = '/bin/busybox';
const CURL = '/usr/bin/curl';
const XTABLES = '/usr/sbin/xtables-nft-multi';
const work = mkdtempSync(`${tmpdir()}/farlet-agents-`);

/** A layer of files: where each is in the image, and whence it comes. */
async function layer(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const root = `${work}/${name}`;
  for (const [at, from] of Object.entries(files)) put(root, at, from);
  return tar(name);
}

function put(root: string, at: string, from: string): void {
  mkdirSync(dirname(`${root}${at}`), { recursive: true });
  cpSync(from, `${root}${at}`, { dereference: true, recursive: true });
}

async function tar(name: string): Promise<string> {
  const flags = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
  await run(['tar', ...flags, '-cf', `${work}/${name}.tar`, '-C', `${work}/${name}`, '.']);
  return `${work}/${name}.tar`;
}

async function tools(): Promise<string> {
  const root = `${work}/tools`;
  for (const folder of ['bin', 'etc', 'tmp', 'usr/sbin', 'run', 'var/run', 'lib/modules'])
    mkdirSync(`${root}/${folder}`, { recursive: true });
  chmodSync(`${root}/tmp`, 0o1777);
  writeFileSync(`${root}/etc/passwd`, 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n');
  put(root, '/bin/busybox', BUSYBOX);
  const applets = (await run([BUSYBOX, '--list'])).trim().split('\n');
  for (const applet of applets) if (applet !== 'busybox') symlinkSync('busybox', `${root}/bin/${applet}`);
  put(root, XTABLES, XTABLES);
  for (const family of ['iptables', 'ip6tables'])
    for (const verb of ['', '-save', '-restore'])
      symlinkSync('xtables-nft-multi', `${root}/usr/sbin/${family}${verb}`);
  const extensions = (await run(['sh', '-c', 'ls -d /usr/lib/*/xtables'])).trim();
  put(root, extensions, extensions);
  const linked = readdirSync(extensions).filter((file) => file.endsWith('.so'));
  const agents = ['coredns', 'flannel', 'kube-proxy', 'node_exporter'].map((name) => `${programs}/${name}`);
  const libraries = await librariesOf([XTABLES, ...agents, ...linked.map((file) => `${extensions}/${file}`)]);
  for (const library of libraries) put(root, library, library);
  return tar('tools');
}

/** Those that any of them is linked to, the loader among them. */
async function librariesOf(programs: readonly string[]): Promise<Set<string>> {
  const lines = (await run(['ldd', ...programs])).split('\n');
  return new Set(lines.flatMap((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? []));
}

try {
  const base = await tools();
  const curl = (await librariesOf([CURL])).add(CURL);
  const image = async (
    name: string,
    version: string,
    files: Readonly<Record<string, string>>,
    entrypoint?: string,
  ): Promise<{ name: string; layers: string[]; config: object }> => ({
    name: `localhost/${name}:${version}`,
    layers: [base, await layer(name, files)],
    config: {
      Env: ['PATH=/bin:/usr/bin:/usr/sbin:/usr/local/bin'],
      ...(entrypoint === undefined ? { Cmd: ['sh'] } : { Entrypoint: [entrypoint] }),
    },
  });
  await writeOciArchive(archive, [
    await image('kube-proxy', 'v1.36.3', { '/usr/local/bin/kube-proxy': `${programs}/kube-proxy` }),
    await image(
      'flannel',
      'v0.28.10',
      {
        '/opt/bin/flanneld': `${programs}/flannel`,
        '/opt/bin/install-conf': `${programs}/install_conf`,
      },
      '/opt/bin/flanneld',
    ),
    await image('flannel-cni-plugin', 'v0.9.1', { '/flannel': `${programs}/cni/flannel` }),
    await image('coredns', 'v1.15.0', { '/coredns': `${programs}/coredns` }, '/coredns'),
    await image(
      'node-exporter',
      'v1.12.1',
      { '/bin/node_exporter': `${programs}/node_exporter` },
      '/bin/node_exporter',
    ),
    // a static busybox can't resolve names
    await image('curl', '1', Object.fromEntries([...curl].map((file) => [file, file]))),
  ]);
} finally {
  rmSync(work, { recursive: true, force: true });
}
