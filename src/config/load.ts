/** Reads and checks the configuration file; every fault is told, with its place and what would be right. */
import { accessSync, constants, readFileSync } from 'node:fs';
import { LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { accessProblems } from './access-problems.ts';
import { endpointProblems } from './endpoints.ts';
import { badFiles } from './files.ts';
import { managerProblems } from './manager-problems.ts';
import { poolProblems } from './pool-problems.ts';
import { resourceProblems } from './resource-problems.ts';
import { sharingProblems } from './sharing-problems.ts';
import { configSchema, type Config } from './schema.ts';

type Host = Config['nodes'][number]['hosts'][number];

/** The file can't be used. `problems` are sentences for people; the process exits with 2. */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(file: string, problems: readonly string[]) {
    super(`${file}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** `agentSocket` (SSH_AUTH_SOCK) is the ssh agent of hosts that name neither a key nor an agent. */
export function loadConfig(file: string, agentSocket?: string): Config {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(file, [`can't be read: ${error instanceof Error ? error.message : String(error)}`]);
  }
  return parseConfig(text, file, agentSocket);
}

/** Pure but for looking whether the files it names can be read. */
export function parseConfig(text: string, file: string, agentSocket?: string): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0)
    throw new ConfigError(
      file,
      document.errors.map(({ message }) => message),
    );
  const parsed = configSchema.safeParse(document.toJS() ?? {});
  if (!parsed.success)
    throw new ConfigError(
      file,
      parsed.error.issues.flatMap((issue) => describe(issue, document, lines)),
    );
  const problems = [
    ...clashes(parsed.data),
    ...accessProblems(parsed.data),
    ...managerProblems(parsed.data),
    ...resourceProblems(parsed.data),
    ...poolProblems(parsed.data),
    ...sharingProblems(parsed.data),
    ...endpointProblems(parsed.data, { unreadable: whyUnreadable, agentSocket }),
    ...badFiles(parsed.data),
  ];
  if (problems.length > 0) throw new ConfigError(file, problems);
  return Object.freeze(withAgent(parsed.data, agentSocket));
}

function withAgent(config: Config, agentSocket: string | undefined): Config {
  if (agentSocket === undefined) return config;
  const withIt = (host: Host): Host =>
    host.ssh === undefined ? host : { ...host, ssh: { agentSocket, ...host.ssh } };
  return { ...config, nodes: config.nodes.map((node) => ({ ...node, hosts: node.hosts.map(withIt) })) };
}

function describe(issue: z.core.$ZodIssue, document: Document, lines: LineCounter): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(
      (key) =>
        `${pathText([...issue.path, key])}${line(document, lines, [...issue.path, key])}: unknown key${suggestion(key, issue.path)}`,
    );
  }
  const found: unknown = document.getIn(issue.path as string[]);
  const shown = found === undefined || typeof found === 'object' ? '' : `, found ${JSON.stringify(found)}`;
  return [
    `${pathText(issue.path) || 'the file'}${line(document, lines, issue.path)}: ${issue.message}${shown}`,
  ];
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}

function line(document: Document, lines: LineCounter, path: readonly PropertyKey[]): string {
  const node = document.getIn(path as string[], true) as { range?: readonly number[] } | undefined;
  const start = node?.range?.[0];
  return start === undefined ? '' : ` (line ${lines.linePos(start).line})`;
}

function suggestion(key: string, path: readonly PropertyKey[]): string {
  const known =
    path.length === 0 ? Object.keys(configSchema.shape) : Object.keys(configSchema.shape.nodes.element.shape);
  const near = known
    .map((each): [number, string] => [distance(each.toLowerCase(), key.toLowerCase()), each])
    .sort(([a], [b]) => a - b)[0];
  return near !== undefined && near[0] <= 3 ? `; did you mean ${near[1]}?` : '';
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next[j] = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function clashes({ nodes }: Config): string[] {
  const twice = (what: 'name' | 'port'): string[] =>
    nodes.flatMap((node, index) => {
      const first = nodes.findIndex((other) => other[what] === node[what]);
      return first < index
        ? [
            `nodes[${index}].${what}: ${node[what]} is nodes[${first}]'s already; every node needs a ${what} of its own`,
          ]
        : [];
    });
  return [...twice('name'), ...twice('port')];
}

function whyUnreadable(file: string): string | undefined {
  try {
    accessSync(file, constants.R_OK);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
