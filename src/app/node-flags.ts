/** What Node is started with (docs/adr/0008-memory.md): how V8 weighs memory against time. Pure. */

/** V8 collects before it grows: its own pace would have several times as much as is alive. */
const growing = '--heap-growing-percent=50';
export const forFewHosts: readonly string[] = [growing, '--max-semi-space-size=3'];
/** In the semi-space what lives for a moment has time to die: of pods by the thousand that is much. */
const forManyHosts: readonly string[] = [growing, '--max-semi-space-size=16'];
/**
 * Every call to a runtime holds memory outside the heap. Without this each of them marks objects for some
 * 10 ms while V8 thinks that there is much of it: for hundreds of milliseconds in a row.
 */
const forManyCalls = '--external-memory-accounted-in-global-limit';
/** Those that are known to have it: Node does not start with a flag that it does not know. */
const hasForManyCalls = (version: string): boolean => version.startsWith('24.');
const MANY_HOSTS = 8;
/**
 * What hosts with 50 pods each have alive, MiB: where the heap is to become as large as that, to mark all of
 * it whenever it has grown by half on the way there is work for nothing, in the very moments after a restart
 * when there is most to do.
 */
const ALIVE = { ofHost: 1.6, atLeast: 64, atMost: 256 };
const startingFor = (hosts: number): string => {
  const { ofHost, atLeast, atMost } = ALIVE;
  return `--initial-old-space-size=${String(Math.min(atMost, Math.max(atLeast, Math.ceil(hosts * ofHost))))}`;
};
/** Node's own, whatever the machine has. */
const POOL = 4;
/**
 * Where there are fewer cores than threads of the collector and the loop's, they keep each other waiting: on
 * two cores four of them took three to four times the CPU time of one to mark the same objects.
 */
const poolFor = (cores: number): readonly string[] =>
  cores > POOL ? [] : [`--v8-pool-size=${String(Math.max(1, cores - 1))}`];

/**
 * The flags to start again with for so many hosts.
 * @param flags those that Node was started with
 * @param version Node's, as process.versions has it
 * @param cores that the process may run on
 * @returns undefined where they do, or are somebody else's choice
 */
export function flagsForMany(
  hosts: number,
  {
    flags,
    version,
    cores,
  }: { readonly flags: readonly string[]; readonly version: string; readonly cores: number },
): readonly string[] | undefined {
  if (hosts < MANY_HOSTS || forFewHosts.some((flag, index) => flags[index] !== flag)) return undefined;
  return [
    ...forManyHosts,
    startingFor(hosts),
    ...(hasForManyCalls(version) ? [forManyCalls] : []),
    ...poolFor(cores),
    ...flags.slice(forFewHosts.length),
  ];
}
