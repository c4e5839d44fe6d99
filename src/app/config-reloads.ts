/**
 * Takes over another configuration while the process runs (docs/adr/0028). What is wrong, or can't be done,
 * leaves in place what runs; it is tried again with each look.
 */
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { configChanges, withChange, type ConfigChange } from './config/changes.ts';
import { ConfigError } from './config/load.ts';
import type { Config, NodeConfig } from './config/schema.ts';
import type { NodeFleet } from './node-fleet.ts';
import { standaloneProblem } from './standalone.ts';
import { FarletError, messageOf } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { withDeadline } from '../util/abort.ts';
import type { Beat } from '../util/beat.ts';
import type { Clock } from '../util/clock.ts';

export interface ReloadOutcome {
  /** why what runs is not what the file says; undefined: it is, but for what needs a restart */
  readonly problem: string | undefined;
  /** keys of the file that count from the next start on */
  readonly needsRestart: readonly string[];
}

export interface ConfigReloadsOptions {
  readonly file: string;
  /** @throws ConfigError */
  readonly parse: (text: string) => Config;
  /** what the process runs by, and what that was parsed from */
  readonly applied: Config;
  readonly text: string;
  readonly isStandalone: boolean;
  readonly fleet: Pick<NodeFleet, 'add' | 'remove' | 'node'>;
  readonly setLevel: (level: Config['logLevel']) => void;
  readonly onOutcome: (outcome: ReloadOutcome) => void;
  readonly beat: Pick<Beat, 'until'>;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Log;
}

const LOOK_MS = 5_000;
/** What a disk of the network may take. */
const READ_MS = 10_000;

export class ConfigReloads {
  readonly #options: ConfigReloadsOptions;
  #applied: Config;
  /** the last text that is a configuration: that of a hundred nodes takes a while to parse */
  #parsed: { readonly text: string; readonly config: Config };
  /** of which nothing is left to be done */
  #done: string | undefined;
  #reported = '';
  /** Why a node could not be put together by this: not tried again before the file says something else. */
  readonly #refused = new Map<string, { readonly by: NodeConfig; readonly error: unknown }>();

  constructor(options: ConfigReloadsOptions) {
    this.#options = options;
    this.#applied = options.applied;
    this.#parsed = { text: options.text, config: options.applied };
  }

  /** Looks at the file until the signal aborts: its content counts, not its time. */
  async run(signal: AbortSignal): Promise<void> {
    const { beat, clock } = this.#options;
    for (;;) {
      await this.look();
      await clock.sleep(beat.until(LOOK_MS), { signal });
    }
  }

  /** One look, and what follows from it. Never rejects. */
  async look(): Promise<void> {
    const { file } = this.#options;
    try {
      const text = await withDeadline(undefined, READ_MS, file, () => readFile(file, 'utf8'));
      if (text === this.#done) return;
      const { problems, needsRestart } = await this.#take(this.#parse(text));
      this.#report({ problems, needsRestart });
      this.#done = problems.length === 0 ? text : undefined;
    } catch (error) {
      this.#done = undefined;
      const problems = error instanceof ConfigError ? error.problems : [messageOf(error)];
      this.#report({ problems, needsRestart: [] });
    }
  }

  #parse(text: string): Config {
    const { parse, isStandalone } = this.#options;
    if (text === this.#parsed.text) return this.#parsed.config;
    const config = parse(text);
    const problem = isStandalone ? standaloneProblem(config) : undefined;
    if (problem !== undefined) throw new FarletError('invalid', problem);
    this.#parsed = { text, config };
    return config;
  }

  async #take(wanted: Config): Promise<{ problems: string[]; needsRestart: readonly string[] }> {
    const { log } = this.#options;
    const { changes, needsRestart } = configChanges(this.#applied, wanted);
    const problems: string[] = [];
    for (const change of changes) {
      try {
        await this.#apply(change);
        this.#applied = withChange(this.#applied, change);
        log.info(aboutChange(change), 'the configuration has changed');
      } catch (error) {
        problems.push(`${change.kind === 'log-level' ? 'logLevel' : nodeOf(change)}: ${messageOf(error)}`);
      }
    }
    return { problems: [...problems, ...this.#notStarted()], needsRestart };
  }

  async #apply(change: ConfigChange): Promise<void> {
    const { fleet, setLevel } = this.#options;
    switch (change.kind) {
      case 'log-level':
        setLevel(change.level);
        return;
      case 'remove-node':
        await fleet.remove(change.name);
        return;
      case 'relabel-node':
        fleet.node(change.node.name).configure(change.node);
        return;
      case 'rebuild-node':
        await this.#rebuild(change.node, change.withoutHosts);
        return;
      case 'add-node':
        fleet.add(change.node);
    }
  }

  async #rebuild(node: NodeConfig, withoutHosts: readonly string[]): Promise<void> {
    const owned = this.#options.fleet.node(node.name);
    const busy = owned
      .app()
      ?.hosts.filter(({ host, table }) => withoutHosts.includes(host.name) && table.all().length > 0);
    const isPool = (owned.app()?.hosts.length ?? 0) > 1;
    if (isPool && busy !== undefined && busy.length > 0)
      throw new FarletError(
        'invalid',
        `host ${busy.map(({ host }) => host.name).join(', ')} still has pods, which nobody could stop then: set drain: true for it and wait until they have gone; the node is as it was`,
      );
    const refused = this.#refused.get(node.name);
    if (refused !== undefined && isDeepStrictEqual(refused.by, node)) throw refused.error;
    try {
      await owned.rebuild(node);
      this.#refused.delete(node.name);
    } catch (error) {
      this.#refused.set(node.name, { by: node, error });
      throw error;
    }
  }

  /** Nodes that were added and can't be started, which is tried on. */
  #notStarted(): string[] {
    return this.#applied.nodes.flatMap(({ name }) => {
      const problem = this.#options.fleet.node(name).startProblem;
      return problem === undefined ? [] : [`node ${name}: ${problem}`];
    });
  }

  #report({
    problems,
    needsRestart,
  }: {
    problems: readonly string[];
    needsRestart: readonly string[];
  }): void {
    const { file, log, onOutcome } = this.#options;
    const outcome = JSON.stringify([problems, needsRestart]);
    const isNew = outcome !== this.#reported;
    this.#reported = outcome;
    const problem = problems.length === 0 ? undefined : problems.join('; ');
    onOutcome({ problem, needsRestart });
    if (!isNew) return;
    if (problem !== undefined)
      log.error({ file, problems }, 'the configuration can not be taken over: what ran before stays');
    if (needsRestart.length > 0)
      log.warn(
        { file, keys: needsRestart },
        'these keys count once farlet is restarted: until then they are as before',
      );
  }
}

function nodeOf(change: Exclude<ConfigChange, { kind: 'log-level' }>): string {
  return `node ${change.kind === 'remove-node' ? change.name : change.node.name}`;
}

function aboutChange(change: ConfigChange): { change: string; node?: string; level?: string | undefined } {
  if (change.kind === 'log-level') return { change: change.kind, level: change.level };
  return { change: change.kind, node: change.kind === 'remove-node' ? change.name : change.node.name };
}
