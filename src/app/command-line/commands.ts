/**
 * The commands of `farlet` and what each takes: what is parsed, printed as help and completed by a shell
 * comes from here.
 */
import { logLevels } from '../../model/log-level.ts';

export interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** stands for the value in the help text */
  readonly value?: string;
  /** the only values there are */
  readonly choices?: readonly string[];
  readonly text: string;
}

export interface Command {
  readonly text: string;
  /** as the help text has them; empty: none */
  readonly operands: string;
  /** undefined: as many as there are */
  readonly mostOperands: number | undefined;
  readonly leastOperands: number;
  readonly options: readonly OptionName[];
  readonly required?: readonly OptionName[];
  /** values of `--output` */
  readonly outputs?: readonly string[];
}

export const options = {
  config: { type: 'string', value: 'FILE', text: 'the configuration' },
  kubeconfig: {
    type: 'string',
    value: 'FILE',
    text: 'how to reach the cluster; default: the service account of the pod, else the file of $KUBECONFIG, else ~/.kube/config',
  },
  'log-format': {
    type: 'string',
    choices: ['json', 'pretty'],
    text: 'default: pretty on a terminal, else json',
  },
  'log-level': { type: 'string', choices: logLevels, text: 'default: info' },
  output: { type: 'string', short: 'o', value: 'FORMAT', text: 'how the result is written' },
  offline: { type: 'boolean', text: 'check the configuration file alone; reach neither hosts nor cluster' },
  'print-rbac': {
    type: 'boolean',
    text: 'print the ClusterRole and Roles that this configuration needs, and nothing else',
  },
  timeout: { type: 'string', value: 'DURATION', text: 'give up after this long; default: 10m' },
  force: { type: 'boolean', text: 'evict pods that no controller makes again, too' },
  delete: {
    type: 'boolean',
    text: 'and stop what is left there, as pods of DaemonSets, and delete the Node',
  },
  'delete-emptydir-data': {
    type: 'boolean',
    text: 'evict pods that have emptyDir volumes, too; their data is lost',
  },
  file: {
    type: 'string',
    short: 'f',
    value: 'FILE',
    text: 'where the bundle goes; - is standard output; default: farlet-support-TIME.tar.gz',
  },
  help: { type: 'boolean', short: 'h', text: 'print this help' },
  version: { type: 'boolean', text: 'print the version' },
} as const satisfies Readonly<Record<string, Option>>;

export type OptionName = keyof typeof options;

const none = { operands: '', leastOperands: 0, mostOperands: 0 } as const;
const targets = { operands: 'NODE[/HOST]...', leastOperands: 1, mostOperands: undefined } as const;

export const commands = {
  run: {
    text: 'run the virtual nodes of FILE',
    ...none,
    options: ['config', 'kubeconfig', 'log-format', 'log-level'],
    required: ['config'],
  },
  check: {
    text: 'check the file, its hosts and the API server; exit 0 if all is well',
    ...none,
    options: ['config', 'kubeconfig', 'offline', 'print-rbac', 'output'],
    required: ['config'],
    outputs: ['table', 'json'],
  },
  status: {
    text: 'nodes that farlet runs in the cluster: their hosts, pods, heartbeats and owners',
    operands: '[NODE...]',
    leastOperands: 0,
    mostOperands: undefined,
    options: ['kubeconfig', 'output'],
    outputs: ['table', 'json', 'yaml'],
  },
  drain: {
    text: 'evict the pods of a node, or of one of its hosts, and let no new ones in',
    ...targets,
    options: ['kubeconfig', 'timeout', 'delete', 'force', 'delete-emptydir-data'],
  },
  uncordon: {
    text: 'let pods into a node or host again that was drained',
    ...targets,
    options: ['kubeconfig'],
  },
  'support-bundle': {
    text: 'collect what helps to find a fault, without anything secret, into one archive',
    operands: '[NODE...]',
    leastOperands: 0,
    mostOperands: undefined,
    options: ['kubeconfig', 'config', 'file'],
  },
  config: { text: 'print the reference of every configuration key', ...none, options: [] },
  completion: {
    text: 'print what makes a shell complete these commands',
    operands: 'bash|zsh|fish',
    leastOperands: 1,
    mostOperands: 1,
    options: [],
  },
  version: { text: 'print the version', ...none, options: [] },
  help: {
    text: 'print this help, or that of a command',
    operands: '[COMMAND]',
    leastOperands: 0,
    mostOperands: 1,
    options: [],
  },
} as const satisfies Readonly<Record<string, Command>>;

export type CommandName = keyof typeof commands;

export function isCommand(name: string): name is CommandName {
  return Object.hasOwn(commands, name);
}

export function commandOf(name: CommandName): Command {
  return commands[name];
}

export function optionOf(name: OptionName): Option {
  return options[name];
}

export const optionNames = Object.keys(options) as readonly OptionName[];
export const commandNames = Object.keys(commands) as readonly CommandName[];
