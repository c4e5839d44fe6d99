/** Puts words in angle brackets for what differs from run to run. Pure. */

/** What is known of one run. */
export interface Run {
  /** the namespace the recording speaks of */
  readonly namespace: string;
  /** the one that was used */
  readonly usedNamespace: string;
  readonly uid: string;
  readonly podIPs: readonly string[];
  readonly hostIPs: readonly string[];
  readonly serviceIPs: readonly string[];
  readonly node: string;
  /** the kubelet's or farlet's folder on the host */
  readonly rootDir: string;
  readonly podLogsDir: string;
}

const patterns: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g, '<time>'],
  // of ls -l: "Nov 23 10:01"
  [/\b[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d\b/g, '<date>'],
  [/\b[0-9a-f]{64}\b/g, '<id>'],
  [/\bkube-api-access-[a-z0-9]{5}\b/g, 'kube-api-access-<x>'],
  [/(\/pods\/<uid>\/containers\/[a-z0-9-]+\/)[0-9a-f]{8}\b/g, '$1<x>'],
];

/** The value with words for what is particular to this run, at any depth. */
export function inWords<T>(value: T, run: Run): T {
  return replaced(value, literals(run), run) as T;
}

function literals(run: Run): [string, string][] {
  const addresses = (word: string, found: readonly string[]): [string, string][] =>
    found.map((address) => [address, word]);
  return [
    [run.rootDir, '<rootDir>'],
    [run.podLogsDir, '/var/log/pods'],
    [run.uid, '<uid>'],
    [run.usedNamespace, run.namespace],
    ...addresses('<hostIP>', run.hostIPs),
    ...addresses('<podIP>', run.podIPs),
    ...addresses('<serviceIP>', run.serviceIPs),
  ];
}

function replaced(value: unknown, words: readonly [string, string][], run: Run): unknown {
  if (Array.isArray(value)) return value.map((each) => replaced(each, words, run));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, replaced(each, words, run)]));
  if (typeof value !== 'string') return value;
  // only where it is the whole value: a node may be called by a word that occurs in sentences
  if (value === run.node) return '<node>';
  let text = value;
  for (const [found, word] of words) text = whole(text, found, word);
  for (const [pattern, word] of patterns) text = text.replaceAll(pattern, word);
  return text;
}

/** Replaces `found` where no letter or digit follows: 10.0.0.1 is not in 10.0.0.12. */
function whole(text: string, found: string, word: string): string {
  if (!text.includes(found)) return text;
  const escaped = found.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return text.replaceAll(new RegExp(`(?<![0-9a-zA-Z])${escaped}(?![0-9a-zA-Z])`, 'g'), word);
}
