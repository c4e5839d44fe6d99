/** Prints docs/session.svg: the end of README's way to a pod, as a terminal shows it. */
import { readFileSync } from 'node:fs';
import { stepsBelow } from '../e2e/harness/transcript.ts';
import { xmlText } from '../e2e/harness/xml-text.ts';

const FIRST = 'kubectl farlet status';
const COLUMNS = 104;
const SIZE = { column: 7.83, line: 18, left: 16, top: 40, bottom: 12 };

const steps = stepsBelow(readFileSync('README.md', 'utf8'), 'Install it');
const shown = steps.slice(steps.findIndex(({ command }) => command.startsWith(FIRST)));

interface Line {
  readonly kind: 'command' | 'output';
  readonly text: string;
}

const lines: readonly Line[] = shown.flatMap(({ command, output }) => [
  ...wrapped(`$ ${command}`).map((text): Line => ({ kind: 'command', text })),
  ...output.map((text): Line => ({ kind: 'output', text })),
]);

/** As a shell takes it: a line that goes on ends with a backslash. */
function wrapped(command: string): string[] {
  if (command.length <= COLUMNS) return [command];
  // before an option or --, as within quotes the backslash would be a word's
  const at = command.lastIndexOf(' --', COLUMNS - 2);
  return [`${command.slice(0, at)} \\`, ...wrapped(`    ${command.slice(at + 1)}`)];
}

function drawn({ kind, text }: Line, index: number): string {
  const y = SIZE.top + (index + 1) * SIZE.line;
  const prompt = kind === 'command' && text.startsWith('$ ') ? '<tspan fill="#7ee787">$</tspan> ' : '';
  const rest = prompt === '' ? text : text.slice(2);
  const fill = kind === 'command' ? '#f0f6fc' : '#b6c2cf';
  return `<text x="${SIZE.left}" y="${y}" fill="${fill}" xml:space="preserve">${prompt}${xmlText(rest)}</text>`;
}

const width = Math.ceil(SIZE.left * 2 + COLUMNS * SIZE.column);
const height = SIZE.top + lines.length * SIZE.line + SIZE.bottom;
const dots = ['#ff7b72', '#e3b341', '#7ee787'].map(
  (fill, index) => `<circle cx="${SIZE.left + 6 + index * 18}" cy="20" r="5" fill="${fill}"/>`,
);
process.stdout.write(
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="13">`,
    `<rect x="1" y="1" width="${width - 2}" height="${height - 2}" rx="8" fill="#0d1117" stroke="#57606a"/>`,
    ...dots,
    ...lines.map(drawn),
    '</svg>\n',
  ].join('\n'),
);
