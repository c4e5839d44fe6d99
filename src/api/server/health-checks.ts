/**
 * Answers of /healthz as every Kubernetes component gives them (k8s.io/apiserver/pkg/server/healthz). Pure.
 */
export interface HealthCheck {
  readonly name: string;
  /** why it fails; undefined: it is well */
  readonly problem: string | undefined;
}

export interface HealthAnswer {
  readonly code: 200 | 500;
  readonly body: string;
}

/** All checks but those that `exclude` names; `verbose` lists them, and a failure always does. */
export function rootHealth(checks: readonly HealthCheck[], query: URLSearchParams): HealthAnswer {
  const excluded = new Set(query.getAll('exclude'));
  const failed = checks.some(({ name, problem }) => problem !== undefined && !excluded.has(name));
  const unknown = [...excluded].filter((name) => !checks.some((check) => check.name === name)).sort();
  const lines = checks.map(({ name, problem }) => {
    if (excluded.has(name)) return `[+]${name} excluded: ok\n`;
    return problem === undefined ? `[+]${name} ok\n` : `[-]${name} failed: reason withheld\n`;
  });
  if (unknown.length > 0)
    lines.push(
      `warn: some health checks cannot be excluded: no matches for ${unknown.map((name) => JSON.stringify(name)).join(',')}\n`,
    );
  if (failed) return { code: 500, body: `${lines.join('')}healthz check failed\n` };
  return { code: 200, body: query.has('verbose') ? `${lines.join('')}healthz check passed\n` : 'ok' };
}

export function singleHealth({ problem }: HealthCheck): HealthAnswer {
  return problem === undefined
    ? { code: 200, body: 'ok' }
    : { code: 500, body: `internal server error: ${problem}\n` };
}
