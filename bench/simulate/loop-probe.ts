/**
 * Loaded into farlet before it starts (`--import`): tells what only the process itself can see, to whoever
 * connects to the socket that PROBE_SOCKET names. It wakes the loop a hundred times a second.
 */
import { createServer } from 'node:net';
import { rmSync } from 'node:fs';
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';

/** What was seen since the answer before, but for the first SAMPLE_MS after that. */
export interface Probed {
  /** how late the loop was at most: it was blocked for so long, and at most a sample's length more */
  readonly blockedMs: number;
  /** longest pause of the garbage collector, which blocks the loop as well */
  readonly collectedMs: number;
  /** CPU that the loop's thread has used since the process began */
  readonly threadCpuMs: number;
  /** of JavaScript's objects, those not yet collected among them, and what they hold outside the heap */
  readonly heapMiB: number;
  readonly outsideMiB: number;
}

/** A timer is due so often, natively: no JavaScript runs for it. */
const SAMPLE_MS = 10;

const socket = process.env.PROBE_SOCKET;
if (socket !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: SAMPLE_MS });
  delay.enable();
  let collectedMs = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) collectedMs = Math.max(collectedMs, duration);
  }).observe({ entryTypes: ['gc'] });
  rmSync(socket, { force: true });
  createServer((asker) => {
    const { user, system } = process.threadCpuUsage();
    const { heapUsed, external } = process.memoryUsage();
    const probed: Probed = {
      blockedMs: Math.max(0, delay.max / 1e6 - SAMPLE_MS),
      collectedMs,
      threadCpuMs: (user + system) / 1000,
      heapMiB: heapUsed / 2 ** 20,
      outsideMiB: external / 2 ** 20,
    };
    delay.reset();
    collectedMs = 0;
    asker.on('error', () => undefined);
    asker.end(JSON.stringify(probed));
  })
    .listen(socket)
    .unref();
}
