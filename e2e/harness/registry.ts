/** Debian's docker-registry, which asks for a name and a password. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { freePorts } from './free-ports.ts';
import { eventually, run, start, tail } from './processes.ts';

export interface Registry {
  /** host:port, as images' names begin */
  readonly address: string;
  stop(): Promise<void>;
}

export async function startRegistry(options: {
  folder: string;
  user: string;
  password: string;
  /** where it listens; default: loopback */
  ip?: string;
}): Promise<Registry> {
  const { folder, user, password, ip = '127.0.0.1' } = options;
  mkdirSync(folder, { recursive: true });
  const [port = 0] = await freePorts(1);
  const address = `${ip}:${port}`;
  // perl's crypt is the system's, which knows bcrypt, all that the registry takes
  const hash = await run(['perl', '-e', 'print crypt($ARGV[0], q($2y$05$abcdefghijklmnopqrstuu))', password]);
  writeFileSync(`${folder}/htpasswd`, `${user}:${hash}\n`);
  const config = {
    version: '0.1',
    storage: { filesystem: { rootdirectory: `${folder}/data` } },
    http: { addr: address },
    auth: { htpasswd: { realm: 'farlet', path: `${folder}/htpasswd` } },
    log: { level: 'warn' },
  };
  // YAML is a superset of JSON
  writeFileSync(`${folder}/config.yml`, JSON.stringify(config));
  const running = start('docker-registry', ['docker-registry', 'serve', `${folder}/config.yml`], {
    logFile: `${folder}/registry.log`,
  });
  await eventually('the registry', async () => (await fetch(`http://${address}/v2/`)).status === 401, {
    describe: () => Promise.resolve(tail(`${folder}/registry.log`)),
  });
  return { address, stop: () => running.stop() };
}
