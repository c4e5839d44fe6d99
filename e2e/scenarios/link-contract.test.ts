/** Every kind of link keeps the same promises: on this machine, over ssh as root, and as a user with sudo and few sessions. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { Duplex } from 'node:stream';
import { after, before } from 'node:test';
import type { HostLink } from '../../src/hosts/link.ts';
import { RemoteFiles } from '../../src/hosts/remote-files.ts';
import { sshLink } from '../../src/hosts/ssh-link.ts';
import { unixLink } from '../../src/hosts/unix-link.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { systemClock } from '../../src/util/clock.ts';
import { startHost, type TestHost } from '../harness/host.ts';
import { describeLink, type ContractHost } from '../harness/link-contract.ts';
import { outcome, run } from '../harness/processes.ts';
import { startRemoteHost, type RemoteHost } from '../harness/remote-host.ts';

const folder = mkdtempSync('/tmp/farlet-contract-');
const log = createLog({ level: 'warn', format: 'json' });
let local: TestHost;
let remote: RemoteHost;
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
  return { link: kept(link), folder: `${folder}/contract`, inside: (command) => outcome(command) };
}

function there(user: string): ContractHost {
  const link = sshLink({
    name: 'there',
    endpoint: remote.endpoint.replace('root@', `${user}@`),
    credentials: remote.ssh,
    clock: systemClock,
    log,
  });
  return {
    link: kept(link),
    folder: `/var/lib/contract-${user}`,
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
    return here({
      ...link,
      files,
      close: () => {
        files.close();
        return link.close();
      },
    });
  }),
);

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
