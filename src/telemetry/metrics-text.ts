/**
 * The Prometheus text of many nodes' metrics, produced in pieces: nothing else in the process waits for all
 * of it.
 */
import type { Exposition } from './metrics.ts';
import { nextTurn } from '../util/turn.ts';

export interface Exposed {
  /** told in a label `node`; undefined: none is */
  readonly node: string | undefined;
  readonly metrics: Exposition;
}

/** Families that a kubelet tells by themselves, at paths of their own. */
export function familiesOf(metrics: Exposition, has: (name: string) => boolean): Exposition {
  const names = metrics.names.filter(has);
  return {
    refresh: metrics.refresh.bind(metrics),
    names,
    family: (name) => (names.includes(name) ? metrics.family(name) : undefined),
  };
}

/** Characters of a piece: a millisecond or two of work. */
const PIECE = 64 * 1024;
/** A family costs as much as so many characters, however few lines it has. */
const FAMILY = 512;

/** Family by family, each once with all nodes' lines, as the format wants it. */
export async function* metricsText(all: readonly Exposed[]): AsyncGenerator<string, void, void> {
  let piece = '';
  let families = 0;
  for (const { metrics } of all) {
    await nextTurn();
    metrics.refresh();
  }
  for (const name of new Set(all.flatMap(({ metrics }) => metrics.names))) {
    let isFirst = true;
    for (const { node, metrics } of all) {
      const family = metrics.family(name);
      if (family === undefined) continue;
      const text = isFirst ? family.comments + family.lines(node) : family.lines(node);
      isFirst = false;
      families += 1;
      if (families * FAMILY >= PIECE) {
        families = 0;
        await nextTurn();
      }
      for (let at = 0; at < text.length; at += PIECE) {
        piece += at === 0 && text.length <= PIECE ? text : text.slice(at, at + PIECE);
        if (piece.length < PIECE) continue;
        yield piece;
        piece = '';
        await nextTurn();
      }
    }
  }
  yield piece;
}

/** All of it at once, for one node. */
export async function wholeText(all: readonly Exposed[]): Promise<string> {
  let text = '';
  for await (const piece of metricsText(all)) text += piece;
  return text;
}
