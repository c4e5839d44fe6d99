/** A Prometheus on loopback, with a folder and a port of its own, and what it answers. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { prometheus } from './cache.ts';
import { freePorts } from './free-ports.ts';
import { eventually, start, tail } from './processes.ts';

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  /** newest last; numbers as Prometheus writes them */
  readonly values: readonly (readonly [number, string])[];
}

export interface ActiveTarget {
  readonly scrapePool: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly scrapeUrl: string;
  readonly health: 'up' | 'down' | 'unknown';
  readonly lastError: string;
}

export interface ActiveAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
}

export interface RuleState {
  readonly name: string;
  readonly health: 'ok' | 'err' | 'unknown';
  readonly lastError?: string;
}

export interface Prometheus {
  /** now */
  query(expression: string): Promise<Series[]>;
  /** from so many seconds ago until now */
  range(expression: string, options: { seconds: number; stepSeconds: number }): Promise<Series[]>;
  targets(): Promise<ActiveTarget[]>;
  alerts(): Promise<ActiveAlert[]>;
  rules(): Promise<RuleState[]>;
  log(): string;
  stop(): Promise<void>;
}

const ANSWER_MS = 20_000;

/** Resolves when it is ready. `config` and `rules` are files as Prometheus reads them. */
export async function startPrometheus({
  folder,
  config,
  rules,
}: {
  folder: string;
  config: Readonly<Record<string, unknown>>;
  rules: Readonly<Record<string, unknown>>;
}): Promise<Prometheus> {
  mkdirSync(folder, { recursive: true });
  const [port = 0] = await freePorts(1);
  writeFileSync(`${folder}/rules.yaml`, stringify(rules));
  writeFileSync(`${folder}/prometheus.yaml`, stringify({ ...config, rule_files: [`${folder}/rules.yaml`] }));
  const logFile = `${folder}/prometheus.log`;
  const running = start(
    'prometheus',
    [
      prometheus(),
      `--config.file=${folder}/prometheus.yaml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { logFile },
  );
  const url = `http://127.0.0.1:${port}`;
  await eventually(
    'Prometheus to be ready',
    async () => (await fetch(`${url}/-/ready`).catch(() => undefined))?.ok === true,
    { timeoutMs: 60_000, describe: () => Promise.resolve(tail(logFile)) },
  );
  const ask = async <Data>(
    path: string,
    parameters: Readonly<Record<string, string>> = {},
  ): Promise<Data> => {
    const answer = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`, {
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const body = (await answer.json()) as { readonly data?: Data; readonly error?: string };
    if (body.data === undefined)
      throw new Error(
        `Prometheus: ${path} ${JSON.stringify(parameters)}: ${body.error ?? answer.statusText}`,
      );
    return body.data;
  };
  return {
    query: async (query) => {
      const { result } = await ask<{
        readonly result: readonly {
          readonly metric: Series['metric'];
          readonly value: readonly [number, string];
        }[];
      }>('query', { query });
      return result.map(({ metric, value }) => ({ metric, values: [value] }));
    },
    range: async (query, { seconds, stepSeconds }) => {
      const end = Date.now() / 1000;
      const when = { start: String(end - seconds), end: String(end), step: String(stepSeconds) };
      return (await ask<{ readonly result: Series[] }>('query_range', { query, ...when })).result;
    },
    targets: async () =>
      (await ask<{ readonly activeTargets: ActiveTarget[] }>('targets', { state: 'active' })).activeTargets,
    alerts: async () => (await ask<{ readonly alerts: ActiveAlert[] }>('alerts')).alerts,
    rules: async () => {
      const { groups } = await ask<{ readonly groups: readonly { readonly rules: RuleState[] }[] }>('rules');
      return groups.flatMap((group) => group.rules);
    },
    log: () => tail(logFile),
    stop: () => running.stop(),
  };
}
