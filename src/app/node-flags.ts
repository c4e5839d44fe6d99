/** What Node is started with (docs/adr/0008-memory.md): how V8 weighs memory against time. Pure. */

/**
 * V8 collects before it grows, and keeps little machine code: live objects are few, and most time passes in
 * runtimes.
 */
export const forFewHosts: readonly string[] = [
  '--heap-growing-percent=25',
  '--max-semi-space-size=2',
  '--optimize-for-size',
];
/**
 * Pods by the thousand are live objects by the hundred MiB, which V8's own pace collects in half the time.
 */
const forManyHosts: readonly string[] = ['--max-semi-space-size=16'];
const MANY_HOSTS = 8;

/**
 * The flags to start again with for so many hosts.
 * @param flags those that Node was started with
 * @returns undefined where they do, or are somebody else's choice
 */
export function flagsForMany(hosts: number, flags: readonly string[]): readonly string[] | undefined {
  if (hosts < MANY_HOSTS || forFewHosts.some((flag, index) => flags[index] !== flag)) return undefined;
  return [...forManyHosts, ...flags.slice(forFewHosts.length)];
}
