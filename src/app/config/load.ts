/** Reads and checks the configuration file; every fault is told, with its place and what would be right. */
import { accessSync, constants, readFileSync } from 'node:fs';
import { isCollection, LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { accessProblems } from './access-problems.ts';
import { endpointProblems } from './endpoint-problems.ts';
import { badFiles } from './files.ts';
import { managerProblems } from './manager-problems.ts';
import { poolProblems } from './pool-problems.ts';
import { resourceProblems } from './resource-problems.ts';
import { sharingProblems } from './sharing-problems.ts';
import { configSchema, type Config } from './schema.ts';
import { wording, yamlWording } from './wording.ts';

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

export function loadConfig(file: string, agentSocket?: string): Config {
  return parseConfig(readConfig(file), file, agentSocket);
}

/** @throws ConfigError */
export function readConfig(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(file, [`can't be read: ${error instanceof Error ? error.message : String(error)}`]);
  }
}

/**
 * `agentSocket` (SSH_AUTH_SOCK) is the ssh agent of hosts that name neither a key nor an agent. Pure but for
 * looking whether the files that it names can be read.
 */
export function parseConfig(text: string, file: string, agentSocket?: string): Config {
  if (text.includes('\0')) throw new ConfigError(file, ['is no text: it has bytes that are 0']);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0) throw new ConfigError(file, document.errors.map(yamlWording));
  const parsed = configSchema.safeParse(plain(document, file) ?? {});
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
  if (problems.length > 0)
    throw new ConfigError(
      file,
      problems.map((problem) => placed(problem, document, lines)),
    );
  return Object.freeze(withAgent(parsed.data, agentSocket));
}

/** What the document says; aliases may not multiply it. */
function plain(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError(file, [`can't be used: ${why} (aliases, *name, are followed a hundred times)`]);
  }
}

/**
 * The sentence, and the line of the key that it begins with; of a key that is not there, the line of what it
 * should be in.
 */
function placed(problem: string, document: Document, lines: LineCounter): string {
  const key = /^[A-Za-z]\w*(?:\[\d+\]|\.\w+)*(?=:)/.exec(problem)?.[0];
  if (key === undefined) return problem;
  const path = [...key.matchAll(/\w+/g)].map(([part]) => (/^\d+$/.test(part) ? Number(part) : part));
  for (let length = path.length; length > 0; length -= 1) {
    const at = line(document, lines, path.slice(0, length));
    if (at !== '') return `${problem}${at}`;
  }
  return problem;
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
  const node: unknown = document.getIn(issue.path as string[]);
  const found: unknown = isCollection(node) ? node.toJSON() : node;
  return [
    `${pathText(issue.path) || 'the file'}${line(document, lines, issue.path)}: ${wording(issue, found)}`,
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

/** The process's own ports against those of its nodes, and each other. */
function portsTaken({ nodes, healthzPort, metricsPort }: Config): string[] {
  const own = [
    { key: 'healthzPort', port: healthzPort },
    { key: 'metricsPort', port: metricsPort },
  ].filter(({ port }) => port > 0);
  const taken = nodes.map(({ port }, index) => ({ key: `nodes[${String(index)}].port`, port }));
  return own.flatMap(({ key, port }, index) => {
    const other = [...taken, ...own.slice(0, index)].find((each) => each.port === port);
    return other === undefined
      ? []
      : [`${key}: ${String(port)} is ${other.key} already; choose another port`];
  });
}

function clashes(config: Config): string[] {
  const { nodes } = config;
  const twice = (what: 'name' | 'port'): string[] =>
    nodes.flatMap((node, index) => {
      const first = nodes.findIndex((other) => other[what] === node[what]);
      return first < index
        ? [
            `nodes[${index}].${what}: ${node[what]} is nodes[${first}]'s already; every node needs a ${what} of its own`,
          ]
        : [];
    });
  return [...twice('name'), ...twice('port'), ...portsTaken(config)];
}

function whyUnreadable(file: string): string | undefined {
  try {
    accessSync(file, constants.R_OK);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
