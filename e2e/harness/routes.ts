/** The rows of e2e/golden/api/routes.txt: what a real kubelet answered. */
import { readFileSync } from 'node:fs';

export interface RouteRow {
  readonly method: string;
  readonly path: string;
  readonly code: number;
  readonly type: string;
  /** its first 300 characters */
  readonly body: string;
}

const ROW = /^([A-Z]+) (\S+) -> (\d+) (.*?) ?\| ?(.*)$/;

export function recordedRoutes(): RouteRow[] {
  const text = readFileSync(new URL('../golden/api/routes.txt', import.meta.url), 'utf8');
  return text.split('\n').flatMap((line) => {
    const match = ROW.exec(line);
    if (match === null) return [];
    const [, method = '', path = '', code = '', type = '', body = ''] = match;
    return [{ method, path, code: Number(code), type: type.trim(), body: body.replaceAll('~', '\n') }];
  });
}
