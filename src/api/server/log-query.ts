/**
 * The query of /containerLogs as the kubelet decodes and checks it (PodLogOptions v1; apimachinery
 * runtime/conversion.go). Pure.
 */
import { moved, parseGoTime, type Moment } from '../../model/go-time.ts';

export interface LogQuery {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
  /** entries from before it are left out */
  readonly since: Moment | undefined;
  /** a stream that was asked for by name; only `All` is served while PodLogsQuerySplitStreams is off */
  readonly stream: string | undefined;
}

export type ParsedLogQuery =
  | { readonly ok: true; readonly query: LogQuery }
  | { readonly ok: false; readonly code: 400 | 422; readonly body: string };

const undecodable: ParsedLogQuery = { ok: false, code: 400, body: '{"message": "Unable to decode query."}' };
const invalid: ParsedLogQuery = { ok: false, code: 422, body: '{"message": "Invalid request."}' };
const STREAMS = new Set(['All', 'Stdout', 'Stderr']);
const EPOCH: Moment = { seconds: 0, nanos: 0 };
const MAX_INT64 = 2n ** 63n - 1n;

export function parseLogQuery(query: URLSearchParams, now: number): ParsedLogQuery {
  const legacy = query.get('tail');
  const tail = legacy === null || legacy === '' ? query.get('tailLines') : legacy === 'all' ? null : legacy;
  const numbers = [tail, query.get('limitBytes'), query.get('sinceSeconds')].map(integer);
  const [tailLines, limitBytes, sinceSeconds] = numbers;
  const sinceTime = time(query.get('sinceTime'));
  if (numbers.some((number) => Number.isNaN(number)) || sinceTime === 'none') return undecodable;
  const both = sinceSeconds !== undefined && query.has('sinceTime');
  const stream = query.get('stream') ?? undefined;
  const wrongStream =
    stream !== undefined && (!STREAMS.has(stream) || (stream !== 'All' && tailLines !== undefined));
  const wrongNumber = (tailLines ?? 0) < 0 || (limitBytes ?? 1) < 1 || (sinceSeconds ?? 1) < 1;
  if (both || wrongStream || wrongNumber) return invalid;
  return {
    ok: true,
    query: {
      follow: flag(query, 'follow'),
      previous: flag(query, 'previous'),
      timestamps: flag(query, 'timestamps'),
      tailLines,
      limitBytes,
      since: sinceSeconds === undefined ? sinceTime : moved(EPOCH, now - sinceSeconds * 1000),
      stream,
    },
  };
}

/** Whether the log is to be followed. */
export function isFollowed(query: URLSearchParams): boolean {
  return flag(query, 'follow');
}

/** NaN for what Go's ParseInt refuses. */
function integer(text: string | null): number | undefined {
  if (text === null) return undefined;
  const [, sign = '', digits] = /^([+-]?)0*(\d+)$/.exec(text) ?? [];
  // more digits than an int64 has are not worth their arithmetic
  if (digits === undefined || digits.length > 19) return Number.NaN;
  const exact = BigInt(`${sign === '-' ? '-' : ''}${digits}`);
  return exact > MAX_INT64 || exact < -MAX_INT64 - 1n ? Number.NaN : Number(exact);
}

/** `none` for what is no RFC 3339; empty is no time at all. */
function time(text: string | null): Moment | 'none' | undefined {
  if (text === null || text === '' || text === 'null') return undefined;
  const time = parseGoTime(Buffer.from(text));
  return time === undefined ? 'none' : { seconds: time.seconds, nanos: time.nanos };
}

/** Only absence, 0 and false mean no; an empty value means yes. */
function flag(query: URLSearchParams, name: string): boolean {
  const text = query.get(name);
  return text !== null && text !== '0' && text.toLowerCase() !== 'false';
}
