/**
 * Reads what a host and its control groups use: one process on the host, however many groups there are. Fixed
 * text; what is asked comes in as lines.
 *
 *   request  L levels | T path | N beginning of a sandbox's id | G path | P path, I id in it…
 *   answer   lines with tabs between their parts: T path contents | G path column… | N path contents, X
 *            where it was too much; then E
 */
import type { UsageQuery } from '../link/host-usage.ts';
import type { RemoteStep } from './remote-encoding.ts';

/**
 * How a file becomes a column: its first line, values of named keys, lines with their first (the count of
 * lines, and the first), all lines.
 */
type How = 'value' | 'keys' | 'count' | 'lines';

/** brief and full as in a query; limits: what changes seldom; processes: in full, of sandboxes as well. */
type Level = 'brief' | 'processes' | 'full' | 'limits';

export interface UsageColumn {
  /** v1: controller/file */
  readonly file: string;
  readonly how: How;
  readonly level: Level;
  readonly keys?: readonly string[];
}

const column = (level: Level, how: How, file: string, keys?: readonly string[]): UsageColumn => ({
  level,
  how,
  file,
  ...(keys === undefined ? {} : { keys }),
});

/** In the order of an answer's columns. */
export const usageColumns: Readonly<Record<1 | 2, readonly UsageColumn[]>> = {
  1: [
    column('processes', 'count', 'cpuacct/cgroup.procs'),
    column('brief', 'value', 'cpuacct/cpuacct.usage'),
    column('full', 'value', 'cpuacct/cpuacct.usage_user'),
    column('full', 'value', 'cpuacct/cpuacct.usage_sys'),
    column('full', 'keys', 'cpu/cpu.stat', ['nr_periods', 'nr_throttled', 'throttled_time']),
    column('limits', 'value', 'cpu/cpu.cfs_quota_us'),
    column('limits', 'value', 'cpu/cpu.cfs_period_us'),
    column('limits', 'value', 'cpu/cpu.shares'),
    column('brief', 'value', 'memory/memory.usage_in_bytes'),
    column('brief', 'keys', 'memory/memory.stat', [
      'total_rss',
      'total_cache',
      'total_mapped_file',
      'total_inactive_file',
      'total_active_file',
      'total_pgfault',
      'total_pgmajfault',
      'total_swap',
    ]),
    column('full', 'value', 'memory/memory.max_usage_in_bytes'),
    column('full', 'value', 'memory/memory.kmem.usage_in_bytes'),
    column('full', 'value', 'memory/memory.failcnt'),
    column('full', 'keys', 'memory/memory.oom_control', ['oom_kill']),
    column('limits', 'value', 'memory/memory.limit_in_bytes'),
    column('limits', 'value', 'memory/memory.soft_limit_in_bytes'),
    column('limits', 'value', 'memory/memory.memsw.limit_in_bytes'),
    column('full', 'value', 'pids/pids.current'),
    column('limits', 'value', 'pids/pids.max'),
    column('full', 'lines', 'blkio/blkio.throttle.io_service_bytes_recursive'),
    column('full', 'lines', 'blkio/blkio.throttle.io_serviced_recursive'),
  ],
  2: [
    column('processes', 'count', 'cgroup.procs'),
    column('brief', 'keys', 'cpu.stat', [
      'usage_usec',
      'user_usec',
      'system_usec',
      'nr_periods',
      'nr_throttled',
      'throttled_usec',
    ]),
    column('limits', 'value', 'cpu.max'),
    column('limits', 'value', 'cpu.weight'),
    column('brief', 'value', 'memory.current'),
    column('brief', 'keys', 'memory.stat', [
      'anon',
      'file',
      'file_mapped',
      'inactive_file',
      'active_file',
      'pgfault',
      'pgmajfault',
      'kernel',
    ]),
    column('brief', 'value', 'memory.swap.current'),
    column('full', 'value', 'memory.peak'),
    column('full', 'keys', 'memory.events', ['max', 'oom_kill']),
    column('limits', 'value', 'memory.max'),
    column('limits', 'value', 'memory.low'),
    column('limits', 'value', 'memory.swap.max'),
    column('full', 'value', 'pids.current'),
    column('limits', 'value', 'pids.max'),
    column('full', 'lines', 'cpu.pressure'),
    column('full', 'lines', 'memory.pressure'),
    column('full', 'lines', 'io.pressure'),
    column('full', 'lines', 'io.stat'),
  ],
};

/** Parts the lines of a file of the machine's. */
export const LINE = '\x1f';

/** What a reading of the machine begins with: how long it runs. */
export const UPTIME = '/proc/uptime';
const briefFiles = [UPTIME, '/proc/stat', '/proc/meminfo', '/proc/vmstat'];
const fullFiles = [
  '/proc/net/dev',
  '/proc/loadavg',
  '/proc/sys/kernel/pid_max',
  '/proc/pressure/cpu',
  '/proc/pressure/memory',
  '/proc/pressure/io',
  '/proc/diskstats',
];

const letters: Readonly<Record<Level, string>> = { brief: 'b', processes: 'p', full: 'f', limits: 'l' };
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
const MAX_GROUPS = 10_000;
/** How runtimes name the group of a container in its pod's, for its id. */
const GROUP_FORMS = ['*', 'cri-containerd-*.scope', 'crio-*.scope', 'kata_*', 'docker-*.scope'];
/** Characters of an id that tell sandboxes from others. */
const TOLD_BY = 12;

export function usageStep(query: UsageQuery): RemoteStep {
  const isFull = query.detail === 'full';
  return {
    verb: 'use',
    args: [query.cgroupMount ?? '/sys/fs/cgroup'],
    // as words the shell would take its time with so many
    data: Buffer.from(
      [
        `L${letters.brief}${isFull ? letters.processes + letters.full : ''}${query.limits ? letters.limits : ''}`,
        ...[...briefFiles, ...(isFull ? fullFiles : [])].map((file) => `T${file}`),
        ...query.sandboxes.map((id) => `N${id.slice(0, TOLD_BY)}`),
        'G',
        ...query.groups.map((path) => `G${path}`),
        ...query.parents.flatMap(({ path, ids }) => [`P${path}`, ...ids.map((id) => `I${id}`)]),
      ].join('\n'),
    ),
  };
}

function spec(version: 1 | 2): string {
  return usageColumns[version]
    .map(({ how, file, level, keys = [] }) => `${how.charAt(0)}:${file}:${letters[level]}:${keys.join(',')}`)
    .join(';');
}

/**
 * awk of what mawk, gawk and busybox share; never computes with what it reads, whose numbers are larger than
 * some can hold. A group's files are those of its columns, a missing one is -. Files of names and values are
 * read and split in one piece, which is the most part of what this costs; a name is looked for where the last
 * group had it.
 */
const awk = `
function value(f, l) { if ((getline l < f) <= 0 || l == "") l = "-"; close(f); return l }
function counted(f, l, n, p) { while ((getline l < f) > 0) if (++n == 1) p = l; close(f); return n ? n " " p : "0 -" }
function keyed(i, f, l, n, w, o, j, p) {
  RS = "\\001"; if ((getline l < f) <= 0) l = ""; close(f); RS = "\\n"
  n = split(substr(l, 1, 16384), w, " ")
  if (!n) return "-"
  for (j = 1; j <= KEYS[i]; j++) {
    p = AT[i, j]
    if (w[p] != KEY[i, j]) { for (p = 1; p < n && w[p] != KEY[i, j]; p += 2); AT[i, j] = p }
    o = o (j > 1 ? " " : "") (p < n ? w[p + 1] : "-")
  }
  return o
}
function joined(f, only, but, by, l, n, o) {
  while ((getline l < f) > 0 && n < 1024) if ((only == "" || l ~ only) && (but == "" || l !~ but)) { gsub(/[ \\t]+/, " ", l); o = o (n++ ? by : "") substr(l, 1, 512) }
  close(f)
  return n ? o : "-"
}
function tell(s) { left -= length(s); if (left > 0) print s; else if (!cut) { cut = 1; print "X" } }
function there(g, f, l, r) { f = D g PROOF; r = (getline l < f) >= 0; close(f); return r }
function group(g, b, o, lv, pid, i, r, f) {
  if (++groups > ${String(MAX_GROUPS)}) { cut = 1; print "X"; return }
  o = "G\\t" g
  b = g; sub(/.*\\//, "", b); sub(/[.]scope$/, "", b); sub(/.*[_-]/, "", b); b = substr(b, 1, ${String(TOLD_BY)})
  lv = b in NET ? (index(LV, "p") ? "bp" : "b") : LV
  for (i = 1; i <= n; i++) {
    r = "-"
    if (index(lv, LEVEL[i])) {
      f = BEFORE[i] g AFTER[i]
      if (HOW[i] == "v") r = value(f)
      else if (HOW[i] == "k") r = keyed(i, f)
      else if (HOW[i] == "c") { r = counted(f); pid = r; sub(/.* /, "", pid) }
      else r = joined(f, "", "Sync|Async|Discard|Total", ";")
    }
    o = o "\\t" r
  }
  tell(o)
  if (b in NET && index(LV, "f") && pid ~ /^[1-9]/) tell("N\\t" g "\\t" joined("/proc/" pid "/net/dev", ":", "", ";"))
}
BEGIN {
  FS = "\\n"; left = ${String(MAX_ANSWER_BYTES)}; split("", NET)
  PROOF = V == 2 ? "/cgroup.controllers" : "/notify_on_release"; forms = split("${GROUP_FORMS.join(' ')}", FORM, " ")
  n = split(V == 2 ? SPEC2 : SPEC1, S, ";")
  for (i = 1; i <= n; i++) {
    split(S[i], p, ":"); HOW[i] = p[1]; LEVEL[i] = p[3]
    if (p[1] == "k") { KEYS[i] = split(p[4], k, ","); for (j = 1; j <= KEYS[i]; j++) KEY[i, j] = k[j] }
    at = V == 2 ? 0 : index(p[2], "/"); BEFORE[i] = at ? ROOT "/" substr(p[2], 1, at - 1) : ROOT; AFTER[i] = "/" substr(p[2], at + 1)
  }
  ONLY["/proc/stat"] = "^(cpu |btime )"; ONLY["/proc/vmstat"] = "^(pgfault|pgmajfault) "
}
cut { next }
/^L/ { LV = substr($0, 2); next }
/^N/ { NET[substr($0, 2)] = 1; next }
/^T/ { f = substr($0, 2); tell("T\\t" f "\\t" joined(f, f in ONLY ? ONLY[f] : "", "", "\\037")); next }
/^G/ { g = substr($0, 2); if (g == "" || there(g)) group(g); next }
/^P/ { pod = substr($0, 2); if (there(pod)) group(pod); else pod = ""; next }
/^I/ && pod != "" {
  id = substr($0, 2)
  for (j = 1; j <= forms; j++) {
    split(FORM[j], p, "*")
    if (there(g = pod "/" p[1] id p[2])) { group(g); break }
  }
}
END { print "E" }`;

/** The function of the program on a far host (remote-program.ts). */
export const usageVerb: Readonly<Record<string, string>> = {
  use: `R=$1; shift
if [ -f "$R/cgroup.controllers" ]; then v=2; d=$R; elif [ -d "$R/memory" ]; then v=1; d=$R/memory; else v=1; d=$R/cpuacct; fi
echo "V$v"
take "$N" | awk -v V=$v -v ROOT="$R" -v D="$d" -v SPEC1="${spec(1)}" -v SPEC2="${spec(2)}" '${awk}'
N=0`,
};
