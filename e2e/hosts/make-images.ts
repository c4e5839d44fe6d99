/**
 * Writes an OCI archive with the images that tests use, all made of one static busybox:
 * localhost/busybox:1 (default command sh) and localhost/pause:1 (the sandbox, which only sleeps).
 * usage: node make-images.ts BUSYBOX ARCHIVE
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';

const [busybox = '/bin/busybox', archive = 'images.tar'] = process.argv.slice(2);
const work = mkdtempSync(`${tmpdir()}/images-`);
const blobs = `${work}/oci/blobs/sha256`;
mkdirSync(blobs, { recursive: true });

function blob(data: Buffer, mediaType: string): { mediaType: string; digest: string; size: number } {
  const hash = createHash('sha256').update(data).digest('hex');
  writeFileSync(`${blobs}/${hash}`, data);
  return { mediaType, digest: `sha256:${hash}`, size: data.length };
}

function layer(): Buffer {
  const root = `${work}/root`;
  for (const folder of ['bin', 'etc', 'tmp', 'dev', 'proc', 'sys', 'root'])
    mkdirSync(`${root}/${folder}`, { recursive: true });
  chmodSync(`${root}/tmp`, 0o1777);
  copyFileSync(busybox, `${root}/bin/busybox`);
  chmodSync(`${root}/bin/busybox`, 0o755);
  const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n');
  for (const applet of applets) if (applet !== 'busybox') symlinkSync('busybox', `${root}/bin/${applet}`);
  writeFileSync(`${root}/etc/passwd`, 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/:/bin/sh\n');
  writeFileSync(`${root}/etc/group`, 'root:x:0:\nuser:x:1000:\n');
  execFileSync('tar', [
    '--sort=name',
    '--mtime=@0',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '-cf',
    `${work}/layer.tar`,
    '-C',
    root,
    '.',
  ]);
  return readFileSync(`${work}/layer.tar`);
}

const files = layer();
const diff = `sha256:${createHash('sha256').update(files).digest('hex')}`;
const layerBlob = blob(files, 'application/vnd.oci.image.layer.v1.tar');
const images = [
  { name: 'localhost/busybox:1', config: { Env: ['PATH=/bin'], Cmd: ['sh'] } },
  {
    name: 'localhost/pause:1',
    config: {
      Env: ['PATH=/bin'],
      Entrypoint: ['/bin/sh', '-c', 'trap "exit 0" TERM INT; while :; do sleep 2147483 & wait; done'],
    },
  },
];
const manifests = images.map(({ name, config }) => {
  const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));
  const configBlob = blob(
    json({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: [diff] },
    }),
    'application/vnd.oci.image.config.v1+json',
  );
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = blob(
    json({ schemaVersion: 2, mediaType, config: configBlob, layers: [layerBlob] }),
    mediaType,
  );
  return {
    ...manifest,
    annotations: {
      'io.containerd.image.name': name,
      'org.opencontainers.image.ref.name': name.split(':')[1] ?? '',
    },
  };
});
writeFileSync(`${work}/oci/oci-layout`, JSON.stringify({ imageLayoutVersion: '1.0.0' }));
writeFileSync(`${work}/oci/index.json`, JSON.stringify({ schemaVersion: 2, manifests }));
execFileSync('tar', ['-cf', archive, '-C', `${work}/oci`, '.']);
rmSync(work, { recursive: true });
