/** Prometheus' text format with time stamps, which the library that farlet counts with has not. */
import { inTurns } from '../util/turn.ts';

export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  /** lines made by `sample`; asked for once, and one after the other */
  readonly samples: () => Iterable<string>;
}

/** `labels`: in the form of `labelled`. `at`: ms since the epoch; undefined: when it is asked for. */
export function sample(name: string, labels: string, value: number, at?: number): string {
  const series = labels === '' ? name : `${name}{${labels}}`;
  return at === undefined ? `${series} ${value}\n` : `${series} ${value} ${Math.round(at)}\n`;
}

/** `a="b",c="d"`: values are others' words. */
export function labelled(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, escaped)}"`)
    .join(',');
}

function escaped(character: string): string {
  return character === '\n' ? '\\n' : `\\${character}`;
}

/** Lines that are made between two turns of the event loop: a millisecond or two. */
const LINES = 400;

/**
 * The whole text; nothing else in the process waits for all of it. A family without samples is left out.
 * Rejects with the signal's reason.
 */
export function expositionText(
  families: Iterable<Family>,
  { signal }: { signal?: AbortSignal } = {},
): Promise<string> {
  return inTurns(textOf(families), { signal });
}

function* textOf(families: Iterable<Family>): Generator<undefined, string> {
  const pieces: string[] = [];
  let lines = 0;
  for (const { name, type, help, samples } of families) {
    let isFirst = true;
    for (const line of samples()) {
      if (isFirst) pieces.push(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
      isFirst = false;
      pieces.push(line);
      lines += 1;
      if (lines % LINES === 0) yield;
    }
  }
  return pieces.join('');
}
