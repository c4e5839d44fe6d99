/** /logs/: the host's /var/log, as Go's file server shows it (pkg/kubelet/kubelet.go ServeLogs). */
import { own } from '../../model/own.ts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../util/clock.ts';
import type { Backend } from './backend.ts';
import { lifeOf } from './life.ts';
import { TEXT } from './rest-service.ts';
import { sendPieces } from './send-pieces.ts';

export async function sendHostLog(
  { backend, clock }: { backend: Backend; clock: Pick<Clock, 'after'> },
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const signal = lifeOf(reply.raw);
  const path = (request.params as { '*'?: string })['*'] ?? '';
  const segments = path.replace(/\/$/, '').split('/');
  const isName = (segment: string): boolean => !['', '.', '..'].includes(segment) && !segment.includes('\0');
  const isSafe = path === '' || segments.every(isName);
  const found = isSafe ? await backend.hostLog(path, { signal }) : undefined;
  if (found === undefined) return reply.code(404).type(TEXT).send('404 page not found\n');
  if (found.type === 'folder') return reply.type('text/html; charset=utf-8').send(folderPage(found.entries));
  reply.hijack();
  reply.raw.writeHead(200, {
    'content-type': TEXT,
    'content-length': found.size,
    'last-modified': new Date(found.modified).toUTCString(),
  });
  await sendPieces(reply.raw, found.content, { clock, length: found.size });
  return reply;
}

/** net/http's listing: sorted by name, folders with a slash. */
export function folderPage(entries: readonly { name: string; isFolder: boolean }[]): string {
  const names = entries
    .map(({ name, isFolder }) => (isFolder ? `${name}/` : name))
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    .map((name) => `<a href="${encodeURIComponent(name).replace(/%2F$/, '/')}">${escaped(name)}</a>\n`);
  return `<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${names.join('')}</pre>\n`;
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => own(entities, character) ?? character);
}
