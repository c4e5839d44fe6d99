import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodSpec } from '../model/kube.ts';
import { pod } from '../testing/fixtures.ts';
import { type DnsInput, podDns } from './dns.ts';

const input: DnsInput = {
  clusterDNS: ['10.96.0.10'],
  clusterDomain: 'c.l',
  host: { servers: ['192.0.2.53'], searches: ['corp'], options: ['timeout:1'] },
  hostIPs: ['192.0.2.1', 'fd00::1'],
};
const cluster = ['default.svc.c.l', 'svc.c.l', 'c.l', 'corp'];

describe('resolver settings', () => {
  const rows: [
    name: string,
    spec: Partial<PodSpec>,
    change: Partial<DnsInput>,
    expected: [string[], string[], string[]],
  ][] = [
    ['cluster first', {}, {}, [['10.96.0.10'], cluster, ['ndots:5']]],
    [
      "cluster first on the host's network",
      { hostNetwork: true },
      {},
      [['192.0.2.53'], ['corp'], ['timeout:1']],
    ],
    [
      'cluster first with host network',
      { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' },
      {},
      [['10.96.0.10'], cluster, ['ndots:5']],
    ],
    ['default', { dnsPolicy: 'Default' }, {}, [['192.0.2.53'], ['corp'], ['timeout:1']]],
    ['no host settings', { dnsPolicy: 'Default' }, { host: undefined }, [['127.0.0.1', '::1'], ['.'], []]],
    ['none', { dnsPolicy: 'None' }, {}, [[], [], []]],
    ['no domain', {}, { clusterDomain: '' }, [['10.96.0.10'], ['corp'], ['ndots:5']]],
    [
      'added',
      {
        dnsConfig: {
          nameservers: ['10.96.0.10', '1.1.1.1'],
          searches: ['corp', 'more'],
          options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
        },
      },
      {},
      [
        ['10.96.0.10', '1.1.1.1'],
        [...cluster, 'more'],
        ['ndots:2', 'edns0'],
      ],
    ],
  ];
  for (const [name, spec, change, [servers, searches, options]] of rows)
    it(name, () => {
      const { warnings, ...made } = podDns(pod({ spec }), { ...input, ...change });
      assert.deepEqual(made, { servers, searches, options });
      assert.deepEqual(warnings, []);
    });

  it('falls back without cluster servers, and says so on node and pod', () => {
    const made = podDns(pod(), { ...input, clusterDNS: [] });
    assert.deepEqual(made.servers, ['192.0.2.53']);
    assert.deepEqual(
      made.warnings.map(({ about, reason }) => `${about} ${reason}`),
      ['node MissingClusterDNS', 'pod MissingClusterDNS'],
    );
  });

  it('cuts what resolvers do not take', () => {
    const many = Array.from({ length: 40 }, (_, index) => `${'x'.repeat(80)}${index}`);
    const dnsConfig = {
      nameservers: ['1.1.1.1', '2.2.2.2', '3.3.3.3'],
      searches: ['y'.repeat(254), ...many],
    };
    const made = podDns(pod({ spec: { dnsConfig } }), input);
    assert.deepEqual(made.servers, ['10.96.0.10', '1.1.1.1', '2.2.2.2']);
    assert.ok(made.searches.join(' ').length <= 2048);
    assert.ok(made.searches.every((search) => search.length <= 253));
    assert.deepEqual(
      made.warnings.map(({ message }) => message.split(' ', 2).join(' ')),
      ['Nameserver limits', 'Search Line'],
    );
  });
});
