/** HTTP requests that start at the host: what probes and lifecycle hooks have in common. */
import { request, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { DialTarget } from './dial-target.ts';
import { hostPort } from './net-errors.ts';

/** What to dial for a URL: its host without brackets, its port or the scheme's own. */
export function urlTarget(url: URL): DialTarget {
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
  };
}

/** host:port of a URL; the port is there although it is the scheme's own, as Go has it in headers and errors. */
export function authorityOf(url: URL): string {
  const { host, port } = urlTarget(url);
  return hostPort(host, port);
}

/** The URL as Go's errors show it. */
export function urlText(url: URL): string {
  return `${url.protocol}//${authorityOf(url)}${url.pathname}${url.search}${url.hash}`;
}

/**
 * The connection as the URL's scheme wants it. Certificates are not verified: a probe or hook asks whether the
 * container answers, not who it is (pkg/probe/http, pkg/kubelet/lifecycle).
 */
export function securedFor(url: URL, plain: Duplex): Duplex {
  if (url.protocol !== 'https:') return plain;
  const { host } = urlTarget(url);
  const isAddress = /^[\d.]+$|:/.test(host);
  const secure = connectTls({
    socket: plain,
    rejectUnauthorized: false,
    ...(isAddress ? {} : { servername: host }),
  });
  secure.once('close', () => plain.destroy());
  return secure;
}

/** Sends a GET over an open connection; resolves with the head of the answer. */
export function sendGet(
  socket: Duplex,
  { url, headers }: { url: URL; headers: Record<string, string | string[]> },
  { signal }: { signal: AbortSignal },
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      method: 'GET',
      path: `${url.pathname}${url.search}`,
      headers,
      createConnection: () => socket,
      signal,
    });
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
    outgoing.end();
  });
}
