/** An image registry that hands out the test image as slowly as it is told, for pulls that take long. */
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { unpackVariant, type Descriptor } from './image-variant.ts';

export interface SlowRegistry {
  /** reference of an image that nobody has pulled yet; every name gives another one */
  image(name: string): string;
  readonly port: number;
  close(): void;
}

const PIECES = 20;

/** Serves a variant of localhost/busybox:1 under any name; each layer takes `layerMs`. */
export async function startSlowRegistry(
  folder: string,
  { layerMs, address = '127.0.0.1' }: { layerMs: number; address?: string },
): Promise<SlowRegistry> {
  // of another id than the image that hosts have: that one was pulled by nobody and is everybody's
  const manifest = await unpackVariant(folder, { from: 'localhost/busybox:1', name: 'slow' });
  const blob = (digest: string): Buffer => readFileSync(`${folder}/blobs/${digest.replace(':', '/')}`);
  const { layers } = JSON.parse(blob(manifest.digest).toString()) as { layers: Descriptor[] };
  const isLayer = (digest: string): boolean => layers.some((layer) => layer.digest === digest);

  const server = createServer((request, response) => {
    const [, kind, reference = ''] = /^\/v2\/.+\/(manifests|blobs)\/(.+)$/.exec(request.url ?? '') ?? [];
    if (kind === undefined) {
      response.end();
      return;
    }
    const digest = kind === 'manifests' ? manifest.digest : reference;
    const data = blob(digest);
    response.setHeader(
      'content-type',
      kind === 'manifests' ? manifest.mediaType : 'application/octet-stream',
    );
    response.setHeader('docker-content-digest', digest);
    response.setHeader('content-length', data.length);
    if (request.method === 'HEAD') response.end();
    else void send(response, data, isLayer(digest) ? layerMs : 0);
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    image: (name) => `127.0.0.1:${port}/${name}:1`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function send(response: ServerResponse, data: Buffer, ms: number): Promise<void> {
  const size = Math.ceil(data.length / PIECES);
  for (let at = 0; at < data.length && !response.destroyed; at += size) {
    response.write(data.subarray(at, at + size));
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms / PIECES));
  }
  response.end();
}
