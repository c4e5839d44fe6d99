/** Which process this is, in a form by which others can tell whether it has ended. */
import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { fnv1a128 } from '../util/fnv.ts';
import type { Owner } from './owner-claim.ts';

/** A name for this start of farlet, as client-go's leader election makes them, and where its process is. */
export function ownProcess(podUid: string | undefined): Owner {
  return { name: `${hostname()}_${randomUUID()}`, process: ownPlace(podUid) };
}

/**
 * Whether the process is known to have ended: it was this pod's, of which no two run at a time; or it was on
 * this machine and in this pid namespace and no longer exists; or this machine has booted since. False if it
 * cannot be observed from here.
 */
export function isOver(process: string, self: Owner): boolean {
  if (process === '' || process === self.process) return false;
  if (process.startsWith('pod:')) return samePod(process, self.process);
  const [there, here] = [placeOf(process), placeOf(self.process)];
  if (there === undefined || here === undefined) return false;
  if (there.boot !== here.boot) return there.machine !== '' && there.machine === here.machine;
  return there.namespace === here.namespace && !runs(there.pid, there.started);
}

interface Place {
  /** the hardware and its name; empty where the hardware has no name */
  readonly machine: string;
  readonly boot: string;
  readonly namespace: string;
  readonly pid: number;
  /** clock ticks after the boot: a pid may be another process by now */
  readonly started: string;
}

/**
 * `pod:<uid>:<start>`, or `proc:<machine>:<boot>:<pid namespace>:<pid>:<start>`; empty if the system reports
 * neither.
 */
function ownPlace(podUid: string | undefined): string {
  if (podUid !== undefined && podUid !== '') return `pod:${podUid}:${randomUUID()}`;
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '';
    const started = startOf(readFileSync('/proc/self/stat', 'utf8'));
    if (started === undefined || namespace === '') return '';
    return `proc:${machineId()}:${boot}:${namespace}:${String(process.pid)}:${started.ticks}`;
  } catch {
    return '';
  }
}

function samePod(a: string, b: string): boolean {
  return b.startsWith('pod:') && a.split(':')[1] === b.split(':')[1];
}

function placeOf(text: string): Place | undefined {
  const match = /^proc:([0-9a-f]*):([0-9a-f-]+):(\d+):([1-9]\d{0,9}):(\d+)$/.exec(text);
  if (match === null) return undefined;
  const [, machine = '', boot = '', namespace = '', pid = '', started = ''] = match;
  return { machine, boot, namespace, pid: Number(pid), started };
}

/** What disks that were copied don't share, unlike /etc/machine-id. */
const hardwareIds = ['/sys/class/dmi/id/product_uuid', '/proc/device-tree/serial-number'];

function machineId(): string {
  for (const file of hardwareIds) {
    try {
      const id = readFileSync(file, 'utf8').replaceAll('\0', '').trim();
      if (id !== '') return fnv1a128(`${id}\n${hostname()}`);
    } catch {
      // another kind of machine, or not for this user to read
    }
  }
  return '';
}

function runs(pid: number, started: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there, and somebody else's
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  try {
    const stat = startOf(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'));
    return stat === undefined || (stat.ticks === started && !'ZX'.includes(stat.state));
  } catch {
    return true;
  }
}

/** proc(5), /proc/pid/stat: state and start time; the name before them may hold anything. */
export function startOf(stat: string): { readonly state: string; readonly ticks: string } | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, ticks] = [fields[0], fields[19]];
  return state === undefined || ticks === undefined ? undefined : { state, ticks };
}
