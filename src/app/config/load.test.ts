import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError, parseConfig } from './load.ts';

const head = 'apiVersion: farlet.dev/v1alpha1\nkind: FarletConfiguration\n';
const own = import.meta.filename;
const node = (name: string, port: number, more = ''): string =>
  `- name: ${name}\n  port: ${port}\n${more}  hosts: [{name: h, endpoint: "unix:///run/c.sock"}]\n`;

function problems(text: string): readonly string[] {
  try {
    parseConfig(text, 'f.yaml');
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
}

describe('configuration', () => {
  it('fills in the defaults', () => {
    const config = parseConfig(`${head}nodes:\n${node('edge-1', 10250)}`, 'f.yaml');
    assert.equal(config.nodeStatusUpdateFrequency, 10_000);
    assert.equal(config.authorization.mode, 'Webhook');
    assert.equal(config.nodes[0]?.registerWithTaints[0]?.key, 'virtual-kubelet.io/provider');
    assert.ok(Object.isFrozen(config));
  });

  it('takes no time for the status to be the default, as a kubelet does of what kubeadm writes', () => {
    const zero = 'nodeStatusUpdateFrequency: 0s\nnodeStatusReportFrequency: 0s\n';
    const config = parseConfig(`${head}${zero}nodes:\n${node('edge-1', 10250)}`, 'f.yaml');
    assert.equal(config.nodeStatusUpdateFrequency, 10_000);
    assert.equal(config.nodeStatusReportFrequency, 300_000);
  });

  it('takes ssh hosts, with the agent where no key is named', () => {
    const host = 'endpoint: "ssh://root@h:2222/run/c.sock", ssh: {knownHostsFile: /dev/null}';
    const config = parseConfig(
      `${head}nodes:\n- {name: a, hosts: [{name: h, ${host}}]}`,
      'f.yaml',
      '/run/agent',
    );
    assert.equal(config.nodes[0]?.hosts[0]?.ssh?.agentSocket, '/run/agent');
  });

  for (const address of ['127.0.0.1', '127.1.2.3', '::1', 'localhost'])
    it(`lets everybody do everything on ${address}`, () => {
      const text = `${head}authorization: {mode: AlwaysAllow}\naddress: "${address}"\nnodes:\n${node('a', 1)}`;
      assert.deepEqual(problems(text), []);
    });

  for (const endpoint of [
    'otel:4317',
    'dns://8.8.8.8/otel:4317',
    'unix:///run/otel.sock',
    'unix-abstract://o',
  ])
    it(`sends traces to ${endpoint}`, () => {
      const text = `${head}tracing: {endpoint: "${endpoint}"}\nnodes:\n${node('a', 1)}`;
      assert.equal(parseConfig(text, 'f.yaml').tracing?.endpoint, endpoint);
    });

  it('makes no traces unless it is told to', () => {
    const text = `nodes:\n${node('a', 1)}`;
    assert.equal(parseConfig(`${head}${text}`, 'f.yaml').tracing, undefined);
    assert.deepEqual(parseConfig(`${head}tracing: {}\n${text}`, 'f.yaml').tracing, {
      endpoint: 'localhost:4317',
      samplingRatePerMillion: 0,
    });
  });

  const rows: { name: string; text: string; expect: RegExp[] }[] = [
    {
      name: 'a collector of traces that gRPC does not find, and more traces than there are',
      text: `${head}tracing: {endpoint: "http://otel:4317", samplingRatePerMillion: 1000001}\nnodes:\n${node('a', 1)}`,
      expect: [
        /^tracing\.endpoint.*must be host:port, dns:.*, unix:\/\/\/path or unix-abstract/,
        /^tracing\.samplingRatePerMillion/,
      ],
    },
    {
      name: 'an unknown key, with its line and a suggestion',
      text: `${head}clusterDns: []\nnodes:\n${node('a', 1)}`,
      expect: [/^clusterDns \(line 3\): unknown key; did you mean clusterDNS\?/],
    },
    {
      name: 'an address that is none, and two of one family',
      text: `${head}nodes:\n${node('a', 1, '  nodeIP: "192.0.2.1,192.0.2.2"\n')}${node('b', 2, '  nodeIP: fe80::1%eth0\n')}`,
      expect: [
        /^nodes\[0\]\.nodeIP.*"192\.0\.2\.1,192\.0\.2\.2" is no IP address, nor one of each family/,
        /^nodes\[1\]\.nodeIP/,
      ],
    },
    {
      name: 'a kubelet API on several hosts',
      text: `${head}nodes:\n- {name: a, kubeletAPI: host, hosts: [{name: h, endpoint: "unix:///a"}, {name: t, endpoint: "tcp://h:1", tls: {caFile: a, certFile: b, keyFile: c}}]}`,
      expect: [/^nodes\[0\]\.kubeletAPI: the node has 2 hosts/],
    },
    {
      name: 'a wrong type',
      text: `${head}maxPods: many\nnodes:\n${node('a', 1)}`,
      expect: [/^maxPods \(line 3\): .*number.*found "many"/],
    },
    {
      name: 'an empty file',
      text: '',
      expect: [/^apiVersion: /, /^kind: /, /^nodes: missing; it needs a list$/],
    },
    { name: 'bytes that are no text', text: 'a: \0\x01', expect: [/^is no text/] },
    {
      name: 'two documents',
      text: `${head}---\n${head}`,
      expect: [/^has more than one document \(---\): farlet reads one only$/],
    },
    {
      name: 'aliases that multiply',
      text: `a: &a [${'x,'.repeat(9)}x]\nb: &b [${'*a,'.repeat(9)}*a]\nc: &c [${'*b,'.repeat(9)}*b]\nd: [${'*c,'.repeat(9)}*c]\n`,
      expect: [/^can't be used: .*aliases/],
    },
    {
      name: 'a number in quotes',
      text: `${head}nodes:\n- {name: a, port: "14250", hosts: [{name: h, endpoint: "unix:///c"}]}`,
      expect: [/^nodes\[0\]\.port \(line 4\): needs a number, found "14250"; write it without quotes$/],
    },
    {
      name: 'a known_hosts file that is not named',
      text: `${head}nodes:\n- {name: a, hosts: [{name: h, endpoint: "ssh://h/c", ssh: {}}]}`,
      expect: [/^nodes\[0\]\.hosts\[0\]\.ssh\.knownHostsFile: missing; it needs a text$/],
    },
    {
      name: 'a duration that is a number',
      text: `${head}nodeStatusUpdateFrequency: 10\nnodes:\n${node('a', 1)}`,
      expect: [/^nodeStatusUpdateFrequency \(line 3\): 10 is no duration; write for example 10s or 1m30s/],
    },
    {
      name: 'ports of its own that a node has, and each other',
      text: `${head}healthzPort: 7\nmetricsPort: 7\nnodes:\n${node('a', 7)}`,
      expect: [
        /^healthzPort: 7 is nodes\[0\]\.port already; choose another port \(line 3\)$/,
        /^metricsPort: 7 is nodes\[0\]\.port already/,
      ],
    },
    {
      name: 'a bad duration',
      text: `${head}nodeStatusUpdateFrequency: soon\nnodes:\n${node('a', 1)}`,
      expect: [/"soon" is no duration; write for example 10s/],
    },
    {
      name: 'everybody allowed everything, from everywhere',
      text: `${head}authorization: {mode: AlwaysAllow}\nnodes:\n${node('a', 1)}`,
      expect: [/^authorization\.mode: AlwaysAllow without authentication\.x509\.clientCAFile .* 0\.0\.0\.0/],
    },
    {
      name: 'a cipher suite that is none',
      text: `${head}tlsCipherSuites: [TLS_ROT13]\nnodes:\n${node('a', 1)}`,
      expect: [
        /^tlsCipherSuites\[0\] \(line 3\): .*TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256.*found "TLS_ROT13"/,
      ],
    },
    {
      name: 'two nodes with one name and one port',
      text: `${head}nodes:\n${node('a', 1)}${node('a', 1)}`,
      expect: [/nodes\[1\]\.name: a is nodes\[0\]'s already/, /nodes\[1\]\.port: 1 is/],
    },
    {
      name: 'hosts that can not be one pool',
      text: `${head}nodes:\n- {name: a, hosts: [{name: h, endpoint: "unix:///a.sock"}, {name: h, endpoint: "unix:///b.sock"}]}`,
      expect: [
        /hosts\[1\]\.name: h is another host's already/,
        /hosts\[1\]\.endpoint: .* would share rootDir/,
      ],
    },
    {
      name: 'static pods where several hosts could have them',
      text: `${head}nodes:\n- {name: a, staticPodPath: /tmp, hosts: [{name: g, endpoint: "unix:///a.sock"}, {name: h, endpoint: "tcp://h:1"}]}`,
      expect: [/^nodes\[0\]\.staticPodPath: the node has 2 hosts/],
    },
    {
      name: 'a label that is not for hosts',
      text: `${head}nodes:\n- {name: a, hosts: [{name: h, endpoint: "unix:///a.sock", labels: {disk: ssd}}]}`,
      expect: [/hosts\[0\]\.labels\.disk.*Invalid key/],
    },
    {
      name: 'a name that is no DNS name',
      text: `${head}nodes:\n${node('Edge_1', 1)}`,
      expect: [/nodes\[0\]\.name.*DNS-1123/],
    },
    {
      name: 'a file that is not there',
      text: `${head}tlsCertFile: /nope\ntlsPrivateKeyFile: /nope\nnodes:\n${node('a', 1)}`,
      expect: [
        /^tlsCertFile: \/nope can't be read: ENOENT/,
        /^tlsPrivateKeyFile: \/nope can't be read: ENOENT/,
      ],
    },
    {
      name: 'files that hold something else',
      text: `${head}tlsCertFile: ${own}\ntlsPrivateKeyFile: ${own}\nauthentication: {x509: {clientCAFile: /}}\nnodes:\n${node('a', 1)}`,
      expect: [
        /^tlsCertFile: \S+ holds no certificate in PEM form/,
        /^tlsPrivateKeyFile: \S+ holds no private key in PEM form/,
        /^authentication\.x509\.clientCAFile: \/ can't be read: EISDIR/,
      ],
    },
    {
      name: 'a certificate without its key',
      text: `${head}tlsCertFile: ${own}\nnodes:\n${node('a', 1)}`,
      expect: [/^tlsCertFile and tlsPrivateKeyFile go together/],
    },
    {
      name: 'thresholds of image collection in the wrong order',
      text: `${head}imageGCHighThresholdPercent: 70\nnodes:\n${node('a', 1)}`,
      expect: [/^imageGCLowThresholdPercent: 80 must be less than imageGCHighThresholdPercent, which is 70/],
    },
    {
      name: 'a maximum age of images below the minimum',
      text: `${head}imageMaximumGCAge: 1m\nnodes:\n${node('a', 1)}`,
      expect: [/^imageMaximumGCAge: 60s must be greater than imageMinimumGCAge, which is 120s/],
    },
    {
      name: 'parallel pulls that are serialized',
      text: `${head}serializeImagePulls: true\nmaxParallelImagePulls: 3\nnodes:\n${node('a', 1)}`,
      expect: [/^maxParallelImagePulls: 3 can't be larger than 1 unless serializeImagePulls is false/],
    },
    {
      name: 'allowed images that no policy asks for, and one with a tag',
      text: `${head}preloadedImagesVerificationAllowlist: ["r.io:5000/a", "r.io/*", "r.io/b:1"]\nnodes:\n${node('a', 1)}`,
      expect: [
        /^preloadedImagesVerificationAllowlist: can only be set with/,
        /^preloadedImagesVerificationAllowlist\[2\]: "r.io\/b:1" must be/,
      ],
    },
    {
      name: 'logs that are looked at too often, of a size that is none',
      text: `${head}containerLogMonitorInterval: 1s\ncontainerLogMaxSize: big\nnodes:\n${node('a', 1)}`,
      expect: [
        /^containerLogMaxSize: "big" is no quantity/,
        /^containerLogMonitorInterval: must be at least 3s/,
      ],
    },
    {
      name: 'eviction thresholds of every wrong kind',
      text: `${head}evictionHard: {disk.available: 1Gi, nodefs.available: 110%, memory.available: "0"}\nevictionSoft: {memory.available: 1Gi}\nevictionMinimumReclaim: {pid.available: x}\nnodes:\n${node('a', 1)}`,
      expect: [
        /^evictionHard\.disk\.available: unsupported eviction signal; known are memory\.available,/,
        /^evictionHard\.nodefs\.available: "110%" is neither a quantity nor a percentage/,
        /^evictionHard\.memory\.available: must be positive, found "0"/,
        /^evictionSoftGracePeriod\.memory\.available: grace period must be specified/,
        /^evictionMinimumReclaim\.pid\.available: "x" is neither/,
      ],
    },
    {
      name: 'a link that is not there yet',
      text: `${head}nodes:\n- {name: a, hosts: [{name: h, endpoint: "http://h:1"}]}`,
      expect: [/not supported by this version; use unix.*, ssh:.* or tcp:/],
    },
    {
      name: 'a tcp host without certificates',
      text: `${head}nodes:\n- {name: a, hosts: [{name: h, endpoint: "tcp://h:1"}]}`,
      expect: [/^nodes\[0\]\.hosts\[0\]\.tls: missing; .*caFile, certFile and keyFile/],
    },
    {
      name: 'certificates of a tcp host that are none, and an endpoint without a port',
      text: `${head}nodes:\n- {name: a, hosts: [{name: h, endpoint: "tcp://h", tls: {caFile: /nope, certFile: "${own}", keyFile: "${own}"}}]}`,
      expect: [
        /^nodes\[0\]\.hosts\[0\]\.endpoint: "tcp:\/\/h": name the port/,
        /^nodes\[0\]\.hosts\[0\]\.tls\.caFile: \/nope can't be read/,
        /tls\.certFile: .* holds no certificate in PEM form/,
        /tls\.keyFile: .* holds no private key in PEM form/,
      ],
    },
    {
      name: 'keys of one link on another',
      text: `${head}nodes:\n- {name: a, hosts: [{name: h, endpoint: "unix:///c.sock", helperImage: x}]}`,
      expect: [/^nodes\[0\]\.hosts\[0\]\.helperImage: only tcp endpoints have it/],
    },
    {
      name: 'an ssh host without keys',
      text: `${head}nodes:\n- {name: a, hosts: [{name: h, endpoint: "ssh://root@h/run/c.sock"}]}`,
      expect: [/^nodes\[0\]\.hosts\[0\]\.ssh: missing; .*knownHostsFile/],
    },
    {
      name: 'keys of an ssh host that are not there, and no agent',
      text: `${head}nodes:\n- {name: a, hosts: [{name: h, endpoint: "ssh://root@h/run/c.sock", ssh: {knownHostsFile: /nope}}]}`,
      expect: [
        /^nodes\[0\]\.hosts\[0\]\.ssh\.privateKeyFile: missing, and there is no ssh agent/,
        /^nodes\[0\]\.hosts\[0\]\.ssh\.knownHostsFile: ENOENT/,
      ],
    },
    {
      name: 'ssh keys on another link',
      text: `${head}nodes:\n- {name: a, hosts: [{name: h, endpoint: "unix:///c.sock", ssh: {knownHostsFile: /nope}}]}`,
      expect: [/^nodes\[0\]\.hosts\[0\]\.ssh: only ssh endpoints have it/],
    },
    ...(
      [
        ['ssh://h/run/c.sock', /name the user/],
        ['ssh://u:secret@h/run/c.sock', /a password has no place here/],
        ['ssh://u@h', /name the runtime's socket/],
        ['ssh:/u@h/c.sock', /ssh:\/\/user@host/],
      ] as const
    ).map(([endpoint, pattern]) => ({
      name: `the endpoint ${endpoint}`,
      text: `${head}nodes:\n- {name: a, hosts: [{name: h, endpoint: "${endpoint}", ssh: {privateKeyFile: /dev/null, knownHostsFile: /dev/null}}]}`,
      expect: [pattern],
    })),
    { name: 'no nodes', text: head, expect: [/^nodes/] },
    {
      name: 'several faults at once',
      text: `kind: X\nnodes: []`,
      expect: [/^apiVersion/, /^kind/, /^nodes/],
    },
    { name: 'text that is no YAML', text: 'a: [', expect: [/./] },
  ];
  for (const row of rows) {
    it(`tells of ${row.name}`, () => {
      const found = problems(row.text);
      for (const [index, pattern] of row.expect.entries())
        assert.match(found[index] ?? '', pattern, found.join('\n'));
    });
  }
});
