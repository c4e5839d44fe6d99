import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodSpec } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import { type DnsInput, podDns, searchFault } from './dns.ts';

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

describe("a host's search line", () => {
  const domains = (count: number, length: number): string[] => Array<string>(count).fill('x'.repeat(length));
  const rows: [name: string, searches: string[], clusterDomain: string, expected: RegExp | undefined][] = [
    ['as long as can be', domains(29, 10), 'c.l', undefined],
    [
      'too many beside the cluster',
      domains(30, 10),
      'c.l',
      /^Resolv.conf file '\/r' contains .* more than 29 domains!$/,
    ],
    ['as many without a cluster domain', domains(32, 10), '', undefined],
    ['too many', domains(33, 10), '', /more than 32 domains!$/],
    ['a domain too long', domains(1, 254), '', /^Resolv.conf file "\/r" .* more than allowed 253 chars!$/],
    ['too long in all', domains(10, 250), '', /search line which length is more than allowed 2048 chars!$/],
  ];
  for (const [name, searches, clusterDomain, expected] of rows)
    it(name, () => {
      const fault = searchFault({ servers: [], searches, options: [] }, { path: '/r', clusterDomain });
      if (expected === undefined) assert.equal(fault, undefined);
      else assert.match(fault ?? '', expected);
    });
});
