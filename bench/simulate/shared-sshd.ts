/** One sshd for all hosts: they differ in the socket that farlet has forwarded, and in their folders. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { freePorts } from '../../e2e/harness/free-ports.ts';
import { eventually, outcome, run, start } from '../../e2e/harness/processes.ts';

export interface SharedSshd {
  readonly ssh: { readonly privateKeyFile: string; readonly knownHostsFile: string };
  /** of the host whose runtime listens there */
  endpoint(socket: string): string;
  stop(): Promise<void>;
}

/** Ends with the process. Needs a mount namespace: root gets a home there that has no start-up files. */
export async function startSharedSshd(folder: string): Promise<SharedSshd> {
  const [port = 0] = await freePorts(1);
  const keys = { user: `${folder}/id_ed25519`, host: `${folder}/host_ed25519` };
  // where sshd puts those who have not logged in yet
  for (const each of [folder, `${folder}/home`, '/run/sshd']) mkdirSync(each, { recursive: true });
  for (const file of Object.values(keys))
    await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', file]);
  const [type = '', key = ''] = readFileSync(`${keys.host}.pub`, 'utf8').split(' ');
  const knownHostsFile = `${folder}/known_hosts`;
  writeFileSync(knownHostsFile, `[127.0.0.1]:${port} ${type} ${key}\n`);
  await giveRootAHome(folder);
  const configFile = `${folder}/sshd_config`;
  writeFileSync(configFile, config({ port, keys }));
  const sshd = start('sshd', ['/usr/sbin/sshd', '-D', '-e', '-f', configFile], {
    logFile: `${folder}/sshd.log`,
  });
  await eventually(
    'sshd',
    async () => (await outcome(['ssh-keyscan', '-T', '2', '-p', String(port), '127.0.0.1'])).stdout !== '',
  );
  return {
    ssh: { privateKeyFile: keys.user, knownHostsFile },
    endpoint: (socket) => `ssh://root@127.0.0.1:${port}${socket}`,
    stop: async () => {
      await sshd.stop();
      await run(['umount', '--lazy', '/etc/passwd']);
    },
  };
}

async function giveRootAHome(folder: string): Promise<void> {
  const users = readFileSync('/etc/passwd', 'utf8');
  writeFileSync(`${folder}/passwd`, users.replace(/^root:.*$/m, `root:x:0:0:root:${folder}/home:/bin/sh`));
  await run(['mount', '--bind', `${folder}/passwd`, '/etc/passwd']);
}

function config({ port, keys }: { port: number; keys: { user: string; host: string } }): string {
  return [
    'ListenAddress 127.0.0.1',
    `Port ${port}`,
    `HostKey ${keys.host}`,
    `AuthorizedKeysFile ${keys.user}.pub`,
    // below /tmp, where everybody may write
    'StrictModes no',
    'PidFile none',
    'UsePAM no',
    'PasswordAuthentication no',
    'PermitRootLogin prohibit-password',
    // all hosts log in at once, which elsewhere is one at each
    'MaxStartups 2000',
    '',
  ].join('\n');
}
