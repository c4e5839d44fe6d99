/**
 * Ports for what a scenario starts. They lie below those that the kernel hands out, so that no outgoing
 * connection takes one between the choice and its use, or while what uses it is started again; and each is
 * this process's until it ends, so that no other scenario is given it.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** Above what has a name of its own here (10250, 10259, …), below the API server's NodePorts. */
const FIRST = 11_000;
const LAST = 29_999;
const CLAIMS = '/tmp/farlet-e2e-ports';

const mine = new Set<string>();
process.once('exit', () => {
  for (const claim of mine) rmSync(claim, { force: true });
});

/** As many ports on which nothing listens, on any address. */
export async function freePorts(count: number): Promise<number[]> {
  mkdirSync(CLAIMS, { recursive: true });
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries++) {
    if (tries === 1_000) throw new Error(`no ${count} ports are free between ${FIRST} and ${LAST}`);
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
    if (claim(`${CLAIMS}/${port}`) && (await isFree(port))) ports.push(port);
  }
  return ports;
}

/** A process that was killed leaves its claims behind: they hold as long as it lives. */
function claim(file: string): boolean {
  if (mine.has(file)) return false;
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
  } catch {
    if (isAlive(ownerOf(file))) return false;
    writeFileSync(file, String(process.pid));
  }
  mine.add(file);
  return true;
}

function ownerOf(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return Number.NaN;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => {
      resolve(false);
    });
    server.listen(port, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
