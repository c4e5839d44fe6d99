/**
 * Entries of a container's log as runtimes write them: CRI's, and Docker's JSON
 * (cri-client/pkg/logs/logs.go). Pure.
 */
import { type GoTime, parseGoTime } from '../../model/go-time.ts';

const NEWLINE = 0x0a;
const SPACE = 0x20;
const COLON = 0x3a;
const PARTIAL = 0x50;
/** A time without a fraction and with an hour of one digit, a stream, no tag. */
const SHORTEST = '2026-01-01T0:00:00Z stdout  '.length;
const NO_TIME: GoTime = { seconds: -62_135_596_800, nanos: 0, offset: 0 };

export interface LogEntry {
  readonly time: GoTime;
  readonly stream: string;
  /**
   * what the container wrote; ends with a line break where the container did, and else the next entry goes on
   */
  readonly text: Buffer;
}

/** How an entry of CRI's form begins. */
export interface EntryHead {
  readonly time: GoTime;
  readonly stream: 'stdout' | 'stderr';
  /**
   * the container's line goes on in the next entry: the line break that ends this one is not the container's
   */
  readonly isPartial: boolean;
  /** where the text begins */
  readonly textAt: number;
}

export type ParseEntry = (line: Buffer) => LogEntry | undefined;

/** `time stream tags text`, with its line break unless it is the file's unfinished last line. */
export const criEntry: ParseEntry = (line) => {
  const head = entryHead(line);
  if (head === undefined) return undefined;
  const { time, stream, isPartial, textAt } = head;
  const end = isPartial && line.at(-1) === NEWLINE ? line.length - 1 : line.length;
  return { time, stream, text: line.subarray(textAt, end) };
};

/** undefined for what is no entry, or not enough of one. */
export function entryHead(line: Buffer): EntryHead | undefined {
  if (line.length < SHORTEST) return undefined;
  const timeEnd = line.indexOf(SPACE);
  const streamEnd = timeEnd < 0 ? -1 : line.indexOf(SPACE, timeEnd + 1);
  const tagsEnd = streamEnd < 0 ? -1 : line.indexOf(SPACE, streamEnd + 1);
  if (tagsEnd < 0) return undefined;
  const stream = streamOf(line, timeEnd + 1, streamEnd);
  const time = stream === undefined ? undefined : parseGoTime(line, 0, timeEnd);
  if (stream === undefined || time === undefined) return undefined;
  const [first, second] = [line[streamEnd + 1], line[streamEnd + 2]];
  const isPartial = first === PARTIAL && (second === SPACE || second === COLON);
  return { time, stream, isPartial, textAt: tagsEnd + 1 };
}

function streamOf(line: Buffer, start: number, end: number): 'stdout' | 'stderr' | undefined {
  if (end - start !== 6) return undefined;
  const name = line.toString('latin1', start, end);
  return name === 'stdout' || name === 'stderr' ? name : undefined;
}

/** `{"log":"text\n","stream":"stdout","time":"…"}`, as Go's encoding/json takes it. */
export const jsonEntry: ParseEntry = (line) => {
  let value: unknown;
  try {
    value = JSON.parse(line.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || Array.isArray(value)) return undefined;
  const fields = new Map(
    Object.entries(value ?? {})
      .filter(([, field]) => field !== null)
      .map(([key, field]) => [key.toLowerCase(), field as unknown]),
  );
  const [log = '', stream = '', stamp] = ['log', 'stream', 'time'].map((key) => fields.get(key));
  const time =
    stamp === undefined ? NO_TIME : typeof stamp === 'string' ? parseGoTime(Buffer.from(stamp)) : undefined;
  if (typeof log !== 'string' || typeof stream !== 'string' || time === undefined) return undefined;
  return { time, stream, text: Buffer.from(log) };
};

/** Every form that a log may have, in the order in which its first line is tried. */
export const forms: readonly ParseEntry[] = [criEntry, jsonEntry];

/** The form of a log by one of its lines; undefined if it is none. */
export function entryForm(line: Buffer): ParseEntry | undefined {
  return forms.find((parse) => parse(line) !== undefined);
}
