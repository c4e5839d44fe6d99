/**
 * Every kind of link keeps the same promises: on this machine, over ssh as root, and as a user with sudo and
 * few sessions.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Duplex } from 'node:stream';
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { HostLink } from '../../src/hosts/link/link.ts';
import { RemoteFiles } from '../../src/hosts/far/remote-files.ts';
import type { SshCredentials } from '../../src/hosts/ssh/ssh-files.ts';
import { sshLink } from '../../src/hosts/ssh/ssh-link.ts';
import { unixLink } from '../../src/hosts/unix/unix-link.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { kindOf, messageOf } from '../../src/model/errors.ts';
import { systemClock } from '../../src/util/clock.ts';
import { FollowedFiles } from '../../src/util/followed-files.ts';
import { startHost, type TestHost } from '../harness/host.ts';
import { describeLink, type ContractHost } from '../harness/link-contract.ts';
import { eventually, outcome, run, start } from '../harness/processes.ts';
import { HOST_NODE, startRemoteHost, type RemoteHost } from '../harness/remote-host.ts';

const folder = mkdtempSync('/tmp/farlet-contract-');
const log = createLog({ level: 'warn', format: 'json' });
let local: TestHost;
let remote: RemoteHost;
const followed = new FollowedFiles({ clock: systemClock, log });
const links: HostLink[] = [];

before(async () => {
  [local, remote] = await Promise.all([
    startHost({ name: 'here', version: '2', folder: `${folder}/here` }),
    startRemoteHost({
      name: 'there',
      version: '1.6',
      folder: `${folder}/there`,
      sshdEnd: ['Match User operator', '  MaxSessions 2'],
    }),
  ]);
});

after(async () => {
  await Promise.all(links.map((link) => link.close()));
  await Promise.all([local.stop(), remote.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

function kept(link: HostLink): HostLink {
  links.push(link);
  return link;
}

function here(link: HostLink): ContractHost {
  return {
    link: kept(link),
    folder: `${folder}/contract`,
    node: process.execPath,
    inside: (command) => outcome(command),
  };
}

function there(user: string): ContractHost {
  const link = sshLink({
    name: 'there',
    endpoint: remote.endpoint.replace('root@', `${user}@`),
    credentials: remote.ssh,
    followed,
    clock: systemClock,
    log,
  });
  return {
    link: kept(link),
    folder: `/var/lib/contract-${user}`,
    node: HOST_NODE,
    inside: (command) => remote.inside(command),
  };
}

describeLink(
  'a unix link',
  once(() => here(unixLink({ name: 'here', endpoint: local.endpoint }))),
);

describeLink(
  'an ssh link as root',
  once(() => there('root')),
);

describeLink(
  'an ssh link with sudo and two sessions',
  once(() => there('operator')),
);

describeLink(
  'the program under busybox',
  once(() => {
    const link = unixLink({ name: 'here', endpoint: local.endpoint });
    const files = busyboxFiles();
    const close = (): Promise<void> => {
      files.close();
      return link.close();
    };
    return { ...here({ ...link, files, close }), lacksFindutils: true };
  }),
);

describe('an ssh link alone', () => {
  const signal = new AbortController().signal;
  const read = (link: HostLink): Promise<Buffer> =>
    link.files.readFile('/etc/machine-id', { signal, maxBytes: 100 });
  const open = (credentials: SshCredentials): HostLink =>
    kept(
      sshLink({ name: 'there', endpoint: remote.endpoint, credentials, followed, clock: systemClock, log }),
    );

  it('notices that the other end has gone silent, says so, and is back by itself', async () => {
    const link = open(remote.ssh);
    const id = (await read(link)).toString();
    await remote.cutLink();
    try {
      const error = await read(link).catch((cause: unknown) => cause);
      assert.equal(kindOf(error), 'unavailable');
      const reason = await eventually('the reason', () => link.fault?.());
      assert.match(reason, /^there: ssh root@10\.214\..*:22: /);
    } finally {
      await remote.mendLink();
    }
    const again = await eventually('the link to be back', async () => (await read(link)).toString());
    assert.equal(again, id);
    assert.equal(link.fault?.(), undefined);
  });

  it('logs in with the keys of an agent', async () => {
    const agentSocket = `${folder}/agent`;
    const agent = start('ssh-agent', ['ssh-agent', '-D', '-a', agentSocket], {
      logFile: `${folder}/agent.log`,
    });
    try {
      const env = { SSH_AUTH_SOCK: agentSocket };
      await eventually('a key in the agent', async () => {
        const added = await outcome(['ssh-add', '-q', remote.ssh.privateKeyFile], { env });
        return added.code === 0;
      });
      const { knownHostsFile } = remote.ssh;
      assert.equal((await read(open({ knownHostsFile, agentSocket }))).length, 33);
    } finally {
      await agent.stop();
    }
  });

  it('says which key was refused, and by whom', async () => {
    const privateKeyFile = `${folder}/stranger`;
    await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', privateKeyFile]);
    const error = await read(open({ ...remote.ssh, privateKeyFile })).catch((cause: unknown) => cause);
    assert.equal(kindOf(error), 'unauthenticated');
    assert.match(messageOf(error), /stranger was refused: add its public half to .*authorized_keys of root/);
  });

  it('refuses a host whose key is another', async () => {
    const knownHostsFile = `${folder}/changed`;
    const [, type, key] = /^(\S+) (\S+)/.exec(readFileSync(`${folder}/there/id_ed25519.pub`, 'utf8')) ?? [];
    writeFileSync(knownHostsFile, `${remote.address} ${type ?? ''} ${key ?? ''}\n`);
    const error = await read(open({ ...remote.ssh, knownHostsFile })).catch((cause: unknown) => cause);
    assert.equal(kindOf(error), 'unauthenticated');
    assert.match(messageOf(error), /SHA256:\S+ is not the one in .*changed:1: somebody may be listening in/);
  });
});

/** The remote program with nothing but busybox. */
function busyboxFiles(): RemoteFiles {
  const bin = `${folder}/busybox`;
  mkdirSync(bin, { recursive: true });
  return new RemoteFiles({
    host: 'here',
    clock: systemClock,
    open: async ([, ...args]) => {
      await run(['/bin/busybox', '--install', '-s', bin]);
      const child = spawn(`${bin}/sh`, args, { env: { PATH: bin } });
      const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
      return { stream, stderr: child.stderr };
    },
  });
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
