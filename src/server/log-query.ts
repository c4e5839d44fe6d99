/** The query of /containerLogs, checked as the kubelet does (PodLogOptions v1). Pure. */
export interface LogQuery {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
  /** ms since the epoch */
  readonly since: number | undefined;
}

export type ParsedLogQuery =
  | { readonly ok: true; readonly query: LogQuery }
  | { readonly ok: false; readonly code: 400 | 422; readonly body: string };

const undecodable: ParsedLogQuery = { ok: false, code: 400, body: '{"message": "Unable to decode query."}' };
const invalid: ParsedLogQuery = { ok: false, code: 422, body: '{"message": "Invalid request."}' };

export function parseLogQuery(query: URLSearchParams, now: number): ParsedLogQuery {
  const stream = query.get('stream');
  if (stream !== null && stream !== '' && stream !== 'All') {
    return {
      ok: false,
      code: 400,
      body: `unable to return the given log stream: "${stream}". Please enable PodLogsQuerySplitStreams feature gate in kubelet`,
    };
  }
  const tail = query.get('tailLines') ?? (query.get('tail') === 'all' ? null : query.get('tail'));
  const numbers = [tail, query.get('limitBytes'), query.get('sinceSeconds')].map((text) =>
    text === null || text === '' ? undefined : /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN,
  );
  const [tailLines, limitBytes, sinceSeconds] = numbers;
  const time = query.get('sinceTime');
  const sinceTime = time === null || time === '' ? undefined : Date.parse(time);
  if ([...numbers, sinceTime].some((number) => Number.isNaN(number))) return undecodable;
  const both = sinceSeconds !== undefined && sinceTime !== undefined;
  if (both || (tailLines ?? 0) < 0 || (limitBytes ?? 1) < 1 || (sinceSeconds ?? 1) < 1) return invalid;
  const since = sinceSeconds === undefined ? sinceTime : now - sinceSeconds * 1000;
  const flag = (name: string): boolean => ['1', 't', 'true', 'True', 'TRUE'].includes(query.get(name) ?? '');
  return {
    ok: true,
    query: {
      follow: flag('follow'),
      previous: flag('previous'),
      timestamps: flag('timestamps'),
      tailLines,
      limitBytes,
      since,
    },
  };
}
