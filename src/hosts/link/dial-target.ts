/**
 * What may be dialed, by strict grammar, and the error that says that the target, not the way to its host, is
 * at fault.
 */
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { HostError } from '../../model/errors.ts';
import { hostPort, MalformedAddress, spokenError } from './net-errors.ts';

/** An address as the host sees it: its loopback is the host's own. */
export interface DialTarget {
  readonly host: string;
  readonly port: number;
}

/** Opens a connection from the host. */
export type Dial = (target: DialTarget, options: { signal: AbortSignal }) => Promise<Duplex>;

/**
 * Nobody took the connection, by word of the host itself: refused, no route, no such host, no answer within
 * the time that its kernel waits. Whatever else a dial rejects with (but for the signal's reason) says
 * nothing of the target.
 */
export class TargetError extends HostError {}

/**
 * The target if it is one: an IP address, or a name as Go's net.isDomainName has it (RFC 1123 and
 * underscores, never a leading `-`, never only digits), and a port. What it returns may stand among a
 * command's arguments. Throws TargetError for anything else, as a host that is no host is a failed dial for a
 * kubelet. Pure.
 */
export function checkedTarget(name: string, { host, port }: DialTarget): DialTarget {
  if (isIP(host) === 0 && !isHostName(host)) throw noSuchHost(name, { host, port });
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new TargetError('unavailable', name, `${name}: dial ${host}: invalid port ${String(port)}`, {
      cause: new Error(`invalid port ${String(port)}`),
    });
  return { host, port };
}

function noSuchHost(name: string, { host, port }: DialTarget): TargetError {
  const problem = addressProblem(host);
  const cause =
    problem === undefined ? spokenError(`lookup ${host}: no such host`) : new MalformedAddress(problem);
  return new TargetError('unavailable', name, `${name}: dial ${hostPort(host, port)}: no such host`, {
    cause,
  });
}

/**
 * What Go's net.SplitHostPort holds against a host in brackets, which those with a colon are put in. Pure.
 */
function addressProblem(host: string): string | undefined {
  if (host.includes(':')) {
    const [inside = '', behind] = host.split(/\](.*)/s);
    if (behind !== undefined)
      return behind.startsWith(':') ? 'too many colons in address' : 'missing port in address';
    return inside.includes('[') ? "unexpected '[' in address" : undefined;
  }
  if (host.startsWith('[')) return host.includes(']') ? undefined : "missing ']' in address";
  if (host.includes('[')) return "unexpected '[' in address";
  return host.includes(']') ? "unexpected ']' in address" : undefined;
}

/**
 * RFC 1035 with what resolvers take besides (Go's net/dnsclient.go isDomainName); linear in its length. What
 * ends in a number is none, as C libraries make an address of it (`0x7f.1`).
 */
export function isHostName(name: string): boolean {
  const labels = (name.endsWith('.') ? name.slice(0, -1) : name).split('.');
  return (
    name.length <= (name.endsWith('.') ? 254 : 253) &&
    labels.every(isLabel) &&
    !/^(?:\d+|0[xX][0-9a-fA-F]*)$/.test(labels.at(-1) ?? '')
  );
}

function isLabel(label: string): boolean {
  return label.length <= 63 && /^[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?$/.test(label);
}
