import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostAddresses, type RouteTables } from './host-addresses.ts';

const head = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT   \n';
const hex = (address: string): string =>
  Buffer.from(address.split('.').map(Number).reverse()).toString('hex').toUpperCase();

/** device, destination/length, gateway, metric, flags */
type Row = readonly [string, string, string, number?, string?];

function routes(...rows: readonly Row[]): string {
  const lines = rows.map(([device, network, gateway, metric = 0, flags = '0003']) => {
    const [destination = '', length = '0'] = network.split('/');
    const bits = Number(length);
    const mask = bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
    const masked = [24, 16, 8, 0].map((shift) => (mask >>> shift) & 0xff).join('.');
    return `${device}\t${hex(destination)}\t${hex(gateway)}\t${flags}\t0\t0\t${String(metric)}\t${hex(masked)}\t0\t0\t0  `;
  });
  return head + lines.join('\n') + '\n';
}

function trie(...addresses: readonly string[]): string {
  const leaves = ['127.0.0.1', ...addresses].map(
    (each) =>
      `           |-- ${each}\n              /32 host LOCAL\n           |-- ${each}9\n              /24 link UNICAST`,
  );
  const table = `  +-- 0.0.0.0/0 3 0 5\n${leaves.join('\n')}\n`;
  return `Main:\n${table}Local:\n${table}`;
}

const none: RouteTables = { route: '', fibTrie: '', ipv6Route: '', ifInet6: '' };
const any = '0'.repeat(32);
const way6 = (device: string, metric = '00000400', flags = '00000003'): string =>
  `${any} 00 ${any} 00 fe800000000000000000000000000001 ${metric} 00000001 00000000 ${flags}     ${device}\n`;
const reject6 = `${any} 00 ${any} 00 ${any} ffffffff 00000001 00000000 00200200       lo\n`;
const own6 = (hexText: string, device: string, scope = '00', flags = '80'): string =>
  `${hexText} 04 40 ${scope} ${flags}     ${device}\n`;
const fd = 'fd000000000000000000000000000001';

const cases: readonly [name: string, tables: Partial<RouteTables>, expect: readonly string[]][] = [
  ['nothing that is known', {}, []],
  [
    'the address in the network of the default route',
    {
      route: routes(
        ['eth0', '0.0.0.0/0', '192.0.2.1'],
        ['cni0', '10.1.0.0/16', '0.0.0.0', 0, '0001'],
        ['eth0', '192.0.2.0/24', '0.0.0.0', 0, '0001'],
      ),
      fibTrie: trie('10.1.0.1', '192.0.2.7'),
    },
    ['192.0.2.7'],
  ],
  [
    'of two default routes the cheaper one counts',
    {
      route: routes(
        ['wlan0', '0.0.0.0/0', '10.9.0.1', 600],
        ['eth0', '0.0.0.0/0', '192.0.2.1', 100],
        ['wlan0', '10.9.0.0/24', '0.0.0.0', 600, '0001'],
        ['eth0', '192.0.2.0/24', '0.0.0.0', 100, '0001'],
      ),
      fibTrie: trie('10.9.0.5', '192.0.2.7'),
    },
    ['192.0.2.7'],
  ],
  [
    'of two networks of its device, that of the gateway',
    {
      route: routes(
        ['eth0', '0.0.0.0/0', '192.0.2.1'],
        ['eth0', '10.0.0.0/29', '0.0.0.0', 0, '0001'],
        ['eth0', '192.0.2.0/24', '0.0.0.0', 0, '0001'],
      ),
      fibTrie: trie('10.0.0.2', '192.0.2.7'),
    },
    ['192.0.2.7'],
  ],
  [
    'an address alone, beside its gateway',
    {
      route: routes(
        ['eth0', '0.0.0.0/0', '172.31.1.1'],
        ['eth0', '172.31.1.1/32', '0.0.0.0', 0, '0005'],
        ['cni0', '10.1.0.0/16', '0.0.0.0', 0, '0001'],
      ),
      fibTrie: trie('10.1.0.1', '203.0.113.9'),
    },
    ['203.0.113.9'],
  ],
  [
    'a default route that leads nowhere is none',
    {
      route: routes(['*', '0.0.0.0/0', '0.0.0.0', 0, '0201'], ['eth0', '192.0.2.0/24', '0.0.0.0', 0, '0001']),
      fibTrie: trie('192.0.2.7'),
    },
    [],
  ],
  ['half of a table is no answer', { route: routes(['eth0', '0.0.0.0/0', '192.0.2.1']), fibTrie: '' }, []],
  [
    'both families, IPv4 first',
    {
      route: routes(['eth0', '0.0.0.0/0', '192.0.2.1'], ['eth0', '192.0.2.0/24', '0.0.0.0', 0, '0001']),
      fibTrie: trie('192.0.2.7'),
      ipv6Route: reject6 + way6('eth0'),
      ifInet6: own6('fe80000000000000000000fffe000001', 'eth0', '20') + own6(fd, 'eth0'),
    },
    ['192.0.2.7', 'fd00::1'],
  ],
  [
    'IPv6 alone; addresses that pass, of other devices or of the link are none',
    {
      ipv6Route: way6('eth1', '00000400') + way6('eth0', '00000064'),
      ifInet6: [
        own6('fd000000000000000000000000000002', 'eth1'),
        own6('fd000000000000000000000000000003', 'eth0', '00', '01'),
        own6('fd000000000000000000000000000004', 'eth0', '00', 'a0'),
        own6('fe80000000000000000000fffe000001', 'eth0', '20'),
        own6('20010db8000000000000000000000007', 'eth0'),
      ].join(''),
    },
    ['2001:db8::7'],
  ],
  ['routes that reject are none', { ipv6Route: reject6, ifInet6: own6(fd, 'lo') }, []],
  ['what is no table is none', { route: 'x y z\n\0', fibTrie: '|-- 1', ipv6Route: 'a', ifInet6: 'b' }, []],
];

describe('the addresses of a host', () => {
  for (const [name, tables, expect] of cases)
    it(name, () => {
      assert.deepEqual(hostAddresses({ ...none, ...tables }), expect);
    });
});
