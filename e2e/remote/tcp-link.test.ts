/**
 * Hosts of which nothing can be reached but containerd's TCP listener: the contract of links, and what can go
 * wrong.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { HostLink } from '../../src/hosts/link/link.ts';
import { tcpLink, type TcpLinkOptions } from '../../src/hosts/tcp/tcp-link.ts';
import type { TlsFiles } from '../../src/hosts/tcp/tls-files.ts';
import { kindOf } from '../../src/model/errors.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { systemClock } from '../../src/util/clock.ts';
import { FollowedFiles } from '../../src/util/followed-files.ts';
import { describeLink, type ContractHost } from '../harness/link-contract.ts';
import { Authority } from '../harness/pki.ts';
import { eventually } from '../harness/processes.ts';
import { HOST_NODE, startRemoteHost, type RemoteHost } from '../harness/remote-host.ts';

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
    followed: new FollowedFiles({ clock: systemClock, log }),
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
      node: HOST_NODE,
      inside: (command) => hostOf(version).inside(command),
    };
    return made;
  });
}

describe('a tcp link alone', () => {
  const signal = new AbortController().signal;
  const read = (link: HostLink): Promise<Buffer> =>
    link.files.readFile('/etc/machine-id', { signal, maxBytes: 100 });
  const failure = async (link: HostLink): Promise<unknown> =>
    read(link).then(
      () => 'no error',
      (error: unknown) => error,
    );
  /** what a node would show, once the first connection has been judged */
  const fault = (link: HostLink): Promise<string> =>
    eventually('a fault', async () => {
      await failure(link);
      return link.fault?.();
    });
  const tlsOf = (version: string): TlsFiles => {
    const { tls } = hostOf(version);
    assert.ok(tls);
    return tls;
  };
  const client = { cn: 'farlet', usage: 'clientAuth' } as const;

  for (const version of versions) {
    it(`does not trust who has a certificate of another authority (containerd ${version})`, async () => {
      const { cert } = await Authority.create(`${folder}/other-${version}`, 'others');
      const link = open(version, { tls: { ...tlsOf(version), caFile: cert } });
      assert.match(
        await fault(link),
        /^tcp-.*: tls 10\.214\..*:10010: the certificate it shows was not issued by an authority in caFile .*others\.crt/,
      );
    });

    it(`says that the host refuses its certificate (containerd ${version})`, async () => {
      const stranger = await Authority.create(`${folder}/stranger-${version}`, 'strangers');
      const { cert, key } = await stranger.issue('client', client);
      const link = open(version, { tls: { ...tlsOf(version), certFile: cert, keyFile: key } });
      assert.match(
        await fault(link),
        /it refuses the certificate in certFile .*client\.crt: .* by the authority in its tcp_tls_ca/,
      );
      const { authority } = hostOf(version);
      assert.ok(authority);
      const server = await authority.issue('wrong-usage', { cn: 'farlet', usage: 'serverAuth' });
      const wrong = open(version, { tls: { ...tlsOf(version), certFile: server.cert, keyFile: server.key } });
      assert.match(await fault(wrong), /it refuses the certificate in certFile .*for client authentication/);
    });

    it(`uses certificates as they are renewed, and says when they have expired (containerd ${version})`, async () => {
      const { authority } = hostOf(version);
      assert.ok(authority);
      const old = await authority.issue('old', { ...client, days: -1 });
      const files = { certFile: `${folder}/${version}.crt`, keyFile: `${folder}/${version}.key` };
      copyFileSync(old.cert, files.certFile);
      copyFileSync(old.key, files.keyFile);
      const link = open(version, { tls: { ...tlsOf(version), ...files } });
      assert.match(await fault(link), /^tcp-.*: tls\.certFile .*\.crt has expired on .*: renew it$/);
      const fresh = await authority.issue('fresh', client);
      copyFileSync(fresh.cert, files.certFile);
      copyFileSync(fresh.key, files.keyFile);
      await eventually('the link', async () => (await read(link)).length === 33);
      await eventually('no fault', () => link.fault?.() === undefined);
    });

    it(`makes its helper again when it is killed, and only one (containerd ${version})`, async () => {
      const host = hostOf(version);
      const link = open(version);
      assert.equal((await read(link)).length, 33);
      const helpers = async (): Promise<string[]> =>
        (await host.ctr(['containers', 'ls'])).split('\n').filter((line) => line.includes('busybox'));
      assert.equal((await helpers()).length, 1);
      const [id = ''] = (await helpers())[0]?.split(/\s+/) ?? [];
      await host.ctr(['tasks', 'kill', '-s', 'SIGKILL', id]);
      // what it carried ends a moment later
      await eventually('another helper', async () => {
        const [now] = (await read(link)).length === 33 ? await helpers() : [];
        return now?.includes(id) === false;
      });
      assert.equal((await helpers()).length, 1);
      assert.equal(await link.problem?.({ signal }), undefined);
    });

    it(`says what a helper lacks, and what to do (containerd ${version})`, async () => {
      const owner = { node: 'lacking', cluster: 'test' };
      const none = open(version, { owner, helperImage: 'localhost/none:1', temporary: true });
      const problem = await eventually('the reason', async () => {
        const text = await none.problem?.({ signal });
        return text?.includes('being started') === true ? undefined : text;
      });
      assert.match(problem, /: the helper pod: image localhost\/none:1 is not there .*helperImage/);
    });

    it(`takes a temporary helper along (containerd ${version})`, async () => {
      const host = hostOf(version);
      const before = (await host.containers()).length;
      const link = open(version, { owner: { node: 'passing', cluster: 'test' }, temporary: true });
      assert.equal((await read(link)).length, 33);
      assert.equal((await host.containers()).length, before + 2);
      await link.close();
      assert.equal((await host.containers()).length, before);
    });
  }

  it('notices that the other end has gone silent, says so, and is back by itself', async () => {
    const remote = hostOf('2');
    const link = open('2');
    const id = (await read(link)).toString();
    await remote.cutLink();
    try {
      assert.equal(kindOf(await failure(link)), 'unavailable');
    } finally {
      await remote.mendLink();
    }
    const again = await eventually('the link to be back', async () => (await read(link)).toString(), {
      timeoutMs: 60_000,
    });
    assert.equal(again, id);
  });

  it('is whole again after the host has booted again', async () => {
    const remote = hostOf('1.6');
    const link = open('1.6');
    const bootId = async (): Promise<string> =>
      (await link.files.readFile('/run/boot_id', { signal, maxBytes: 100 })).toString();
    const before = await bootId();
    await remote.reboot();
    const now = await eventually('the link to be back', bootId, { timeoutMs: 60_000 });
    assert.notEqual(now, before);
    assert.equal(now, (await remote.inside(['cat', '/run/boot_id'])).stdout);
  });
});
