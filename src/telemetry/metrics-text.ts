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
  return {
    refresh: metrics.refresh.bind(metrics),
    names: metrics.names.filter(has),
    family: metrics.family.bind(metrics),
  };
}

/** Characters of a piece: a millisecond or two of work. */
const PIECE = 64 * 1024;
/** A family costs as much as so many characters, however few lines it has. */
const FAMILY = 2 * 1024;

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
      if (!metrics.names.includes(name)) continue;
      const text = await metrics.family(name);
      families += 1;
      if (families * FAMILY >= PIECE) {
        families = 0;
        await nextTurn();
      }
      for (let at = 0; at < text.length;) {
        const end = endOfLines(text, at + PIECE);
        piece += told(text.slice(at, end), { node, isFirst });
        at = end;
        if (piece.length < PIECE) continue;
        yield piece;
        piece = '';
        await nextTurn();
      }
      isFirst = false;
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

/** Where the line ends that is at this place, with its line end. */
function endOfLines(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end + 1;
}

function told(lines: string, { node, isFirst }: { node: string | undefined; isFirst: boolean }): string {
  let text = '';
  for (const line of lines.split('\n')) {
    const isComment = line.startsWith('#');
    if (line === '' || (isComment && !isFirst)) continue;
    text += `${node === undefined || isComment ? line : withNode(line, node)}\n`;
  }
  return text;
}

function withNode(line: string, node: string): string {
  const at = line.search(/[{ ]/);
  const name = line.slice(0, at);
  const rest = line.slice(at + 1);
  if (line[at] === ' ') return `${name}{node="${node}"} ${rest}`;
  return rest.startsWith('node="') ? line : `${name}{node="${node}",${rest}`;
}
