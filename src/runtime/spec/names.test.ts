import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pod } from '../../testing/fixtures.ts';
import { containerHash } from '../decide/container-hash.ts';
import { goDuration } from '../../model/go-time.ts';
import { kernelHostname, podHostname } from './hostname.ts';
import { hostNetworkHostsFile, managedHostsFile } from './hosts-file.ts';
import { parseImageName, withDefaultTag } from '../images/image-reference.ts';

describe('container hash', () => {
  it('is the published vector', () => {
    assert.equal(containerHash({ name: 'test_container', image: 'foo/image:v1' }), '8e45cbd0');
  });
  it('escapes as Go does', () => {
    assert.notEqual(containerHash({ name: 'a', image: '<' }), containerHash({ name: 'a', image: '\\u003c' }));
  });
});

describe('durations as Go shows them', () => {
  const rows: [ms: number, text: string][] = [
    [0, '0s'],
    [0.9, '0s'],
    [250, '250ms'],
    [1000, '1s'],
    [1500.7, '1.5s'],
    [80_000, '1m20s'],
    [300_000, '5m0s'],
    [3_601_001, '1h0m1.001s'],
  ];
  for (const [ms, text] of rows)
    it(text, () => {
      assert.equal(goDuration(ms), text);
    });
});

describe('host names', () => {
  const long = 'a'.repeat(62);
  const rows: [name: string, change: object, hostname: string, domain: string, kernel: string][] = [
    ['plain', {}, 'web', '', 'web'],
    ['own', { hostname: 'box' }, 'box', '', 'box'],
    ['subdomain', { subdomain: 'sub' }, 'web', 'sub.default.svc.cluster.local', 'web'],
    [
      'as FQDN',
      { hostname: 'box', subdomain: 's', setHostnameAsFQDN: true },
      'box',
      's.default.svc.cluster.local',
      'box.s.default.svc.cluster.local',
    ],
    ['override', { hostname: 'box', subdomain: 's', hostnameOverride: 'a.b' }, 'a.b', '', 'a.b'],
    ['long override', { hostnameOverride: `${long}.-x`.replace('-', 'b') }, long, '', long],
  ];
  for (const [name, spec, hostname, domain, kernel] of rows)
    it(name, () => {
      const subject = pod({ spec });
      const made = podHostname(subject, 'cluster.local');
      assert.deepEqual(made, { hostname, domain });
      assert.equal(kernelHostname(subject, made), kernel);
    });

  it('refuses what no host can be called', () => {
    assert.throws(
      () => podHostname(pod({ spec: { hostname: 'A_b' } }), 'x'),
      /Hostname "A_b" is not a valid/,
    );
    const fqdn = pod({ spec: { hostname: long, subdomain: 's', setHostnameAsFQDN: true } });
    assert.throws(
      () => kernelHostname(fqdn, podHostname(fqdn, 'x')),
      /failed to construct FQDN .* is too long \(64/,
    );
  });
});

describe('hosts file', () => {
  const aliased = pod({ spec: { hostAliases: [{ ip: '10.1.2.3', hostnames: ['x', 'y'] }] } });
  it('has a line for each address and the aliases', () => {
    assert.equal(
      managedHostsFile(aliased, { hostname: 'box', domain: 'sub.d' }, ['10.0.0.1', 'fd00::1']),
      `# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
10.0.0.1\tbox.sub.d\tbox
fd00::1\tbox.sub.d\tbox

# Entries added by HostAliases.
10.1.2.3\tx\ty
`,
    );
  });
  it("is the host's own on the host's network", () => {
    assert.equal(
      hostNetworkHostsFile(aliased, '127.0.0.1\tlocalhost\n'),
      '# Kubernetes-managed hosts file (host network).\n127.0.0.1\tlocalhost\n\n# Entries added by HostAliases.\n10.1.2.3\tx\ty\n',
    );
    assert.match(
      managedHostsFile(pod(), { hostname: 'web', domain: '' }, ['10.0.0.1']),
      /\n10.0.0.1\tweb\n$/,
    );
  });
});

describe('image names', () => {
  const sha = `sha256:${'a'.repeat(64)}`;
  const rows: [image: string, repository: string, withTag: string][] = [
    ['busybox', 'docker.io/library/busybox', 'busybox:latest'],
    ['busybox:1', 'docker.io/library/busybox', 'busybox:1'],
    ['a/b', 'docker.io/a/b', 'a/b:latest'],
    ['localhost/b:1', 'localhost/b', 'localhost/b:1'],
    ['localhost:5000/b', 'localhost:5000/b', 'localhost:5000/b:latest'],
    ['index.docker.io/b', 'docker.io/library/b', 'index.docker.io/b:latest'],
    [`r.io/a/b@${sha}`, 'r.io/a/b', `r.io/a/b@${sha}`],
    [`r.io/a/b:1@${sha}`, 'r.io/a/b', `r.io/a/b:1@${sha}`],
    ['[fd00::1]:5000/a', '[fd00::1]:5000/a', '[fd00::1]:5000/a:latest'],
    ['UPPER/b', 'UPPER/b', 'UPPER/b:latest'],
  ];
  for (const [image, repository, withTag] of rows)
    it(image, () => {
      assert.equal(parseImageName(image).repository, repository);
      assert.equal(withDefaultTag(image), withTag);
    });

  const wrong: [image: string, why: string][] = [
    ['UPPER//bad', 'invalid reference format'],
    ['', 'invalid reference format'],
    ['a b', 'invalid reference format'],
    ['Busybox', 'invalid reference format: repository name (library/Busybox) must be lowercase'],
    [
      'a'.repeat(64),
      `invalid repository name (${'a'.repeat(64)}), cannot specify 64-byte hexadecimal strings`,
    ],
    [`r.io/${'a/'.repeat(128)}b`, 'repository name must not be more than 255 characters'],
    [`a@sha256:${'a'.repeat(40)}`, 'invalid checksum digest length'],
    [`a@md5:${'a'.repeat(32)}`, 'unsupported digest algorithm'],
    ['a:'.padEnd(200, 'x'), 'invalid reference format'],
    [`${'a'.repeat(100_000)}!`, 'invalid reference format'],
  ];
  for (const [image, why] of wrong)
    it(`refuses ${image.slice(0, 20)}: ${why}`, () => {
      assert.throws(() => parseImageName(image), {
        kind: 'invalid',
        message: `couldn't parse image name "${image}": ${why}`,
      });
    });
});
