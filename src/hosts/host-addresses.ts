/**
 * The addresses that others reach a host by: the sources of its default routes, one a family, IPv4 first
 * (k8s.io/apimachinery/pkg/util/net/interface.go ChooseHostInterface). Read from the kernel's tables, for
 * nothing on the host has to be installed to ask it. Pure.
 */
import { SocketAddress } from 'node:net';

/** Files of /proc/net; empty where there is none. */
export interface RouteTables {
  readonly route: string;
  readonly fibTrie: string;
  readonly ipv6Route: string;
  readonly ifInet6: string;
}

/** Flags of routes (linux/route.h). */
const RTF_UP = 0x1;
const RTF_REJECT = 0x200;
/** Of IPv6 addresses (linux/if_addr.h): temporary, optimistic, dadfailed, deprecated, tentative. */
const PASSING = 0x01 | 0x04 | 0x08 | 0x20 | 0x40;
const GLOBAL_SCOPE = 0;

export function hostAddresses(tables: RouteTables): string[] {
  return [ipv4Source(tables), ipv6Source(tables)].filter((address) => address !== undefined);
}

interface Route {
  readonly device: string;
  readonly destination: number;
  readonly gateway: number;
  readonly metric: number;
  readonly mask: number;
}

/**
 * An address of this host in a network of the default route's device; where the device has none (a /32
 * beside a gateway, as clouds give), one that is in no other device's network.
 */
function ipv4Source({ route, fibTrie }: RouteTables): string | undefined {
  const routes = parseRoutes(route);
  const [way] = routes
    .filter(({ destination, mask }) => destination === 0 && mask === 0)
    .sort((a, b) => a.metric - b.metric);
  if (way === undefined) return undefined;
  const own = parseLocal(fibTrie);
  const isIn = (address: number, { destination, mask }: Route): boolean =>
    (address & mask) >>> 0 === destination;
  const networks = routes.filter(({ gateway, mask }) => gateway === 0 && mask !== 0);
  const ofDevice = networks
    .filter(({ device }) => device === way.device)
    .sort((a, b) => Number(isIn(way.gateway, b)) - Number(isIn(way.gateway, a)) || b.mask - a.mask);
  for (const network of ofDevice) {
    const found = own.find((address) => isIn(address, network));
    if (found !== undefined) return ipv4Text(found);
  }
  const others = networks.filter(({ device }) => device !== way.device);
  const found = own.find((address) => !others.some((network) => isIn(address, network)));
  return found === undefined ? undefined : ipv4Text(found);
}

function parseRoutes(text: string): Route[] {
  return text.split('\n').flatMap((line) => {
    const [device = '', destination, gateway, flags = '', , , metric, mask] = line.trim().split(/\s+/);
    const [to, by, within] = [destination, gateway, mask].map(littleEndian);
    const bits = Number.parseInt(flags, 16);
    if (to === undefined || by === undefined || within === undefined) return [];
    if ((bits & RTF_UP) === 0 || (bits & RTF_REJECT) !== 0) return [];
    return [{ device, destination: to, gateway: by, metric: Number(metric), mask: within }];
  });
}

/** As /proc/net/route has addresses on the machines there are. */
function littleEndian(hex: string | undefined): number | undefined {
  return hex !== undefined && /^[0-9A-F]{8}$/i.test(hex) ? Buffer.from(hex, 'hex').readUInt32LE() : undefined;
}

/** The addresses that /proc/net/fib_trie calls this host's own, without loopback. */
function parseLocal(text: string): number[] {
  const own: number[] = [];
  for (const [, address = ''] of text.matchAll(/\|-- ([\d.]+)\n\s+\/32 host LOCAL/g)) {
    const value = Buffer.from(address.split('.').map(Number)).readUInt32BE();
    if (value >>> 24 !== 127 && !own.includes(value)) own.push(value);
  }
  return own;
}

function ipv4Text(address: number): string {
  return [24, 16, 8, 0].map((shift) => String((address >>> shift) & 0xff)).join('.');
}

function ipv6Source({ ipv6Route, ifInet6 }: RouteTables): string | undefined {
  const ways = ipv6Route.split('\n').flatMap((line) => {
    const [to = '', length, , , , metric = '', , , flags = '', device = ''] = line.trim().split(/\s+/);
    const bits = Number.parseInt(flags, 16);
    const isDefault = /^0{32}$/.test(to) && length === '00' && device !== 'lo';
    return isDefault && (bits & RTF_UP) !== 0 && (bits & RTF_REJECT) === 0
      ? [{ device, metric: Number.parseInt(metric, 16) }]
      : [];
  });
  const [way] = ways.sort((a, b) => a.metric - b.metric);
  if (way === undefined) return undefined;
  for (const line of ifInet6.split('\n')) {
    const [hex = '', , , scope = '', flags = '', device = ''] = line.trim().split(/\s+/);
    if (device !== way.device || !/^[0-9a-f]{32}$/i.test(hex)) continue;
    if (Number.parseInt(scope, 16) !== GLOBAL_SCOPE || (Number.parseInt(flags, 16) & PASSING) !== 0) continue;
    return ipv6Text(hex);
  }
  return undefined;
}

function ipv6Text(hex: string): string {
  const groups = hex.match(/.{4}/g) ?? [];
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}
