/** The Prometheus text of many nodes' metrics, made piece by piece: nothing else in the process waits for all of it. */
import type { Exposition } from './metrics.ts';

export interface Exposed {
  /** told in a label `node`; undefined: none is */
  readonly node: string | undefined;
  readonly metrics: Exposition;
}

/** Characters of a piece: a millisecond or two of work. */
const PIECE = 64 * 1024;

/** Family by family, each once with all nodes' lines, as the format wants it. */
export async function* metricsText(all: readonly Exposed[]): AsyncGenerator<string, void, void> {
  let piece = '';
  for (const { metrics } of all) {
    metrics.refresh();
    await turn();
  }
  for (const name of new Set(all.flatMap(({ metrics }) => metrics.names))) {
    let isFirst = true;
    for (const { node, metrics } of all) {
      if (!metrics.names.includes(name)) continue;
      const text = await metrics.family(name);
      piece += node === undefined && isFirst ? `${text}\n` : told(text, { node, isFirst });
      isFirst = false;
      if (piece.length < PIECE) continue;
      yield piece;
      piece = '';
      await turn();
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

function told(text: string, { node, isFirst }: { node: string | undefined; isFirst: boolean }): string {
  return text
    .split('\n')
    .filter((line) => line !== '' && (isFirst || !line.startsWith('#')))
    .map((line) => `${node === undefined || line.startsWith('#') ? line : withNode(line, node)}\n`)
    .join('');
}

function withNode(line: string, node: string): string {
  const match = /^([^{ ]+)(?:\{(.*)\})? (.*)$/.exec(line);
  if (match === null || /(?:^|,)node="/.test(match[2] ?? '')) return line;
  const [, name = '', labelText = '', value = ''] = match;
  return `${name}{node="${node}"${labelText === '' ? '' : `,${labelText}`}} ${value}`;
}

/** Others have their turn first. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
