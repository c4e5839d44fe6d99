/** The store of a control plane: how it is started, and its data put aside and put back. */
import { run } from './processes.ts';

export function etcdCommand(data: string, ports: { clients: number; peers: number }): string[] {
  const clients = `http://127.0.0.1:${String(ports.clients)}`;
  const peers = `http://127.0.0.1:${String(ports.peers)}`;
  return [
    ...['etcd', '--data-dir', data, '--unsafe-no-fsync', '--log-level', 'warn'],
    ...['--listen-client-urls', clients, '--advertise-client-urls', clients],
    ...['--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers],
    ...['--initial-cluster', `default=${peers}`],
  ];
}

/**
 * Copies the data of an etcd that runs, as a crash at this moment would leave it. Resolves with the copy's
 * folder.
 */
export async function keepData(pid: number, data: string): Promise<string> {
  const copy = `${data}-${String(Date.now())}`;
  // what it has answered is in its files, unwritten to the disk but there for whoever reads them
  process.kill(pid, 'SIGSTOP');
  try {
    await run(['cp', '-a', '--sparse=always', data, copy]);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  return copy;
}

/** Puts a copy in the place of the data of an etcd that is stopped. The copy stays. */
export async function putBackData(copy: string, data: string): Promise<void> {
  await run(['rm', '-rf', data]);
  await run(['cp', '-a', '--sparse=always', copy, data]);
}
