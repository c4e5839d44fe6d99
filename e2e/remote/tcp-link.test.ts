/** Hosts of which nothing can be reached but containerd's TCP listener: the contract of links, and what can go wrong. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { HostLink } from '../../src/hosts/link.ts';
import { tcpLink, type TcpLinkOptions } from '../../src/hosts/tcp-link.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { systemClock } from '../../src/util/clock.ts';
import { describeLink, type ContractHost } from '../harness/link-contract.ts';
import { startRemoteHost, type RemoteHost } from '../harness/remote-host.ts';

const folder = mkdtempSync('/tmp/farlet-tcp-');
const log = createLog({ level: 'warn', format: 'json' });
const hosts = new Map<string, RemoteHost>();
const links: HostLink[] = [];
const versions = ['1.6', '2'] as const;

before(async () => {
  await Promise.all(
    versions.map(async (version) => {
      const name = `tcp-${version}`;
      hosts.set(
        version,
        await startRemoteHost({ name, version, link: 'tcp', folder: `${folder}/${version}` }),
      );
    }),
  );
});

after(async () => {
  await Promise.all(links.map((link) => link.close()));
  await Promise.all([...hosts.values()].map((host) => host.stop()));
  rmSync(folder, { recursive: true, force: true });
});

function hostOf(version: string): RemoteHost {
  const host = hosts.get(version);
  assert.ok(host);
  return host;
}

function open(version: string, more: Partial<TcpLinkOptions> = {}): HostLink {
  const { name, endpoint, tls } = hostOf(version);
  assert.ok(tls);
  const link = tcpLink({
    name,
    endpoint,
    tls,
    helperImage: 'localhost/busybox:1',
    owner: { node: name, cluster: 'test' },
    cgroupDriver: 'cgroupfs',
    temporary: false,
    clock: systemClock,
    log,
    ...more,
  });
  links.push(link);
  return link;
}

for (const version of versions) {
  let made: ContractHost | undefined;
  describeLink(`a tcp link to containerd ${version}`, () => {
    made ??= {
      link: open(version),
      folder: '/var/lib/contract',
      inside: (command) => hostOf(version).inside(command),
    };
    return made;
  });
}

describe('x', () => {
  it('y', () => undefined);
});
