/**
 * Looks at a far host. What is asked of many paths is asked by one call of a program: each would cost the
 * host a process. Pure.
 */
import type { HostAnswer, HostQuery } from '../link/link.ts';
import type { RemoteStep } from './remote-encoding.ts';
import { parseStat, parseUsage, USAGE_FORMAT } from './remote-queries.ts';

const MAX_TEXT = 65_536;
/** A call's arguments may be 128 KiB and more together. */
const MAX_TOGETHER = 200;

/**
 * Shell functions by verb. Each answers with its length in bytes, a line break, and as many bytes; - where
 * nothing is. Those about many paths answer a line for each that is there, which ends in its path.
 */
export const remoteLooks: Readonly<Record<string, string>> = {
  look_text: `t=$([ -f "$1" ] && head -c ${String(MAX_TEXT)} "$1" 2>/dev/null && echo x) || { echo -; return 0; }; put "\${t%x}"`,
  look_usages: `t=$(stat -f -c "${USAGE_FORMAT} %n" "$@" 2>/dev/null; echo x); put "\${t%x}"`,
  look_stats: `t=$(stat -L -c "$STAT %n" "$@" 2>/dev/null; echo x); put "\${t%x}"`,
  look_trees: `t=$(du -sxk "$@" 2>/dev/null; echo x); put "\${t%x}"
t=$(if [ -n "$INODES" ]; then du -sx --inodes "$@" 2>/dev/null
else for p; do { [ -e "$p" ] || [ -L "$p" ]; } && printf "%s\\t%s\\n" "$(find "$p" -xdev 2>/dev/null | wc -l)" "$p"; done; fi; echo x); put "\${t%x}"`,
};

/** Queries that are one step: one of any kind, or many paths to stat, or to measure. */
interface Group {
  readonly look: HostQuery['look'];
  /** without repetitions, of which a program might tell but once */
  readonly paths: readonly string[];
  /** positions in the queries, by path */
  readonly at: ReadonlyMap<string, readonly number[]>;
}

export interface Looks {
  readonly steps: readonly RemoteStep[];
  /** the first path of a step, for messages */
  readonly pathOf: (step: number) => string;
  /** The answers in the order of the queries. Throws if what came is not whole. */
  readonly parse: (payload: Buffer) => HostAnswer[];
}

export function planLooks(queries: readonly HostQuery[]): Looks {
  const groups = groupsOf(queries);
  return {
    steps: groups.map(({ look, paths }) => ({ verb: verbs[look], args: paths })),
    pathOf: (step) => groups[step]?.paths[0] ?? '',
    parse: (payload) => {
      const answers: HostAnswer[] = queries.map(() => ({}));
      const next = framesOf(payload);
      for (const group of groups)
        for (const [path, answer] of answersOf(group, next))
          for (const at of group.at.get(path) ?? []) answers[at] = answer;
      return answers;
    },
  };
}

const verbs = {
  text: 'look_text',
  usage: 'look_usages',
  stat: 'look_stats',
  tree: 'look_trees',
} as const;

function groupsOf(queries: readonly HostQuery[]): Group[] {
  const groups: Group[] = [];
  for (const look of ['text', 'usage', 'stat', 'tree'] as const) {
    const at = new Map<string, number[]>();
    for (const [index, query] of queries.entries())
      if (query.look === look) at.set(query.path, [...(at.get(query.path) ?? []), index]);
    const paths = [...at.keys()];
    const size = look === 'text' ? 1 : MAX_TOGETHER;
    for (let from = 0; from < paths.length; from += size)
      groups.push({ look, paths: paths.slice(from, from + size), at });
  }
  return groups;
}

/** Reads one frame after the other; undefined: nothing is there. */
function framesOf(payload: Buffer): () => Buffer | undefined {
  let at = 0;
  return () => {
    const end = payload.indexOf('\n', at);
    if (end < 0) throw new Error('the far host answered fewer questions than it was asked');
    const length = payload.toString('latin1', at, end);
    at = end + 1;
    if (length === '-') return undefined;
    const frame = payload.subarray(at, at + Number(length));
    if (!/^\d+$/.test(length) || frame.length !== Number(length))
      throw new Error('the far host gave an answer that is not whole');
    at += frame.length;
    return frame;
  };
}

function answersOf({ look, paths }: Group, next: () => Buffer | undefined): [string, HostAnswer][] {
  const [path = ''] = paths;
  switch (look) {
    case 'text': {
      const text = next()?.toString();
      return text === undefined ? [] : [[path, { text }]];
    }
    case 'usage':
      return [...named(next(), paths, ' ')].map(([path, text]) => [path, { usage: parseUsage(text) }]);
    case 'stat':
      return [...named(next(), paths, ' ')].map(([path, text]) => [path, { stat: parseStat(text) }]);
    case 'tree': {
      const sizes = named(next(), paths, '\t');
      const inodes = named(next(), paths, '\t');
      return [...sizes].map(([path, kib]) => [
        path,
        { tree: { bytes: Number(kib) * 1024, inodes: Number(inodes.get(path) ?? 0) } },
      ]);
    }
  }
}

/**
 * What is said of each path that a line of the answer ends with: lines come in the paths' order, missing ones
 * have none.
 */
function named(answer: Buffer | undefined, paths: readonly string[], between: string): Map<string, string> {
  const text = answer?.toString('latin1') ?? '';
  const found = new Map<string, string>();
  let at = 0;
  for (const path of paths) {
    const end = `${between}${Buffer.from(path).toString('latin1')}\n`;
    const from = text.indexOf(end, at);
    const answer = from < 0 ? '' : text.slice(at, from);
    // a path that a later line ends with is of that line
    if (from < 0 || !/^[0-9a-f ]+$/.test(answer)) continue;
    found.set(path, answer);
    at = from + end.length;
  }
  return found;
}
