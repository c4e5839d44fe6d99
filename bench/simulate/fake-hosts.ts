/**
 * Many hosts with a fake runtime each, in a process of their own: what they use of the CPU is not farlet's.
 */
import { fork } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startFakeRuntime } from '../../e2e/fakes/runtime.ts';
import type { FarletHost } from '../../e2e/harness/farlet.ts';
import { withDeadline } from '../../src/util/abort.ts';

const START_MS = 60_000;
const EVENTS = 'events';

export interface FakeHosts {
  readonly hosts: readonly FarletHost[];
  stop(): void;
}

export interface FakeHostsOptions {
  readonly folder: string;
  readonly count: number;
  readonly processes: number;
  /** of containers, as the runtimes tell of them */
  readonly events: boolean;
}

/** Shares the hosts out among processes, which end with this one. */
export async function startFakeHosts(
  { folder, count, processes, events }: FakeHostsOptions,
  { signal }: { signal: AbortSignal },
): Promise<FakeHosts> {
  const hosts = Array.from({ length: count }, (_, index) => fakeHost(folder, index));
  const children = Array.from({ length: Math.min(processes, count) }, (_, index) => {
    const own = hosts.filter((_host, at) => at % processes === index).map((host) => host.folder);
    const args = [events ? EVENTS : 'none', ...own];
    return fork(fileURLToPath(import.meta.url), args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  });
  const stop = (): void => {
    for (const child of children) child.kill('SIGKILL');
  };
  try {
    await withDeadline(signal, START_MS, 'the fake runtimes to listen', () =>
      Promise.all(
        children.map(
          (child) =>
            new Promise<void>((resolve, reject) => {
              child.once('message', () => {
                resolve();
              });
              child.once('exit', (code) => {
                reject(new Error(`a process of fake runtimes ended with ${String(code)}`));
              });
            }),
        ),
      ),
    );
  } catch (error) {
    stop();
    throw error;
  }
  return { hosts, stop };
}

function fakeHost(folder: string, index: number): FarletHost {
  const name = `sim-${String(index).padStart(3, '0')}`;
  const at = `${folder}/${name}`;
  return { name, folder: at, endpoint: `unix://${socketIn(at)}`, address: '127.0.0.1', cgroupRoot: '' };
}

function socketIn(folder: string): string {
  return `${folder}/cri.sock`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // gone with who started it, however that ends
  process.once('disconnect', () => process.exit(0));
  const [events, ...folders] = process.argv.slice(2);
  for (const folder of folders) {
    mkdirSync(folder, { recursive: true });
    await startFakeRuntime({ socket: socketIn(folder), folder, containerEvents: events === EVENTS });
  }
  process.send?.('listening');
}
