/** Curves over the number of nodes, as a small picture (SVG) for light pages and dark ones. Pure. */
import { xmlText } from '../../e2e/harness/xml-text.ts';

export interface Curve {
  readonly name: string;
  /** number of nodes and what was found, by number */
  readonly points: readonly (readonly [number, number])[];
}

export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly limit?: number;
  readonly curves: readonly Curve[];
}

const COLUMNS = 3;
const WIDTH = 300;
const HEIGHT = 170;
const PLOT = { left: 44, right: 34, top: 34, bottom: 26 };
const LEGEND = 26;
const LINE = 11;
/** room above the highest point */
const ROOM = 1.15;

const LIGHT = ['#0969da', '#bc4c00', '#1a7f37', '#8250df'];
const DARK = ['#4493f8', '#f0883e', '#3fb950', '#ab7df8'];

const STYLE = `
.page { fill: #ffffff } .frame { fill: none; stroke: #d0d7de } .axis { stroke: #8c959f; fill: none }
text { fill: #1f2328 } .soft { fill: #59636e } .limit { stroke: #cf222e; stroke-dasharray: 5 3; fill: none }
.line { fill: none; stroke-width: 2 } .limit-text { fill: #cf222e }
${colours(LIGHT)}
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 } .frame { stroke: #3d444d } .axis { stroke: #656c76 }
text { fill: #e6edf3 } .soft { fill: #9198a1 } .limit { stroke: #f85149 } .limit-text { fill: #f85149 }
${colours(DARK)}
}
`;

function colours(all: readonly string[]): string {
  return all
    .map(
      (colour, at) => `.c${at} .line { stroke: ${colour} } .c${at} .dot, .c${at} .name { fill: ${colour} }`,
    )
    .join('\n');
}

export function drawScale(panels: readonly Panel[]): string {
  const rows = Math.ceil(panels.length / COLUMNS);
  const names = [...new Set(panels.flatMap(({ curves }) => curves.map(({ name }) => name)))];
  const width = WIDTH * COLUMNS;
  const height = LEGEND + HEIGHT * rows;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="10">`,
    `<style>${STYLE}</style>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    ...names.map((name, index) => legend(name, { index, of: names.length })),
    ...panels.map((panel, index) => {
      const x = (index % COLUMNS) * WIDTH;
      const y = LEGEND + Math.floor(index / COLUMNS) * HEIGHT;
      return `<g transform="translate(${x} ${y})">${drawPanel(panel, names)}</g>`;
    }),
    '</svg>\n',
  ].join('\n');
}

function legend(name: string, { index, of }: { index: number; of: number }): string {
  const x = 10 + index * Math.min(WIDTH, (WIDTH * COLUMNS) / of);
  return `<g class="c${index}"><path class="line" d="M${x} 15h18"/><text class="name" x="${x + 24}" y="19" font-size="12">${xmlText(name)}</text></g>`;
}

function drawPanel({ title, unit, limit, curves }: Panel, names: readonly string[]): string {
  const points = curves.flatMap((curve) => curve.points);
  const most = Math.max(1, ...points.map(([nodes]) => nodes));
  const values = points.map(([, value]) => value);
  const peak = Math.max(1e-9, ...values) * ROOM;
  // a limit that is far away would flatten the curve: it is told in words then
  const isNear = limit !== undefined && limit < peak * 3;
  const high = isNear ? Math.max(peak, limit * ROOM) : peak;
  const width = WIDTH - PLOT.left - PLOT.right;
  const height = HEIGHT - PLOT.top - PLOT.bottom;
  const floor = PLOT.top + height;
  const x = (nodes: number): number => round(PLOT.left + (width * nodes) / most);
  const y = (value: number): number => round(floor - (height * value) / high);
  const sizes = [...new Set(points.map(([nodes]) => nodes))];
  return [
    `<rect class="frame" x="4" y="4" width="${WIDTH - 8}" height="${HEIGHT - 8}" rx="4"/>`,
    `<text x="12" y="20" font-size="11" font-weight="bold">${xmlText(title)}</text>`,
    `<path class="axis" d="M${PLOT.left} ${PLOT.top}V${floor}h${width}"/>`,
    ...[0, high / ROOM].map(
      (value) =>
        `<text class="soft" x="${PLOT.left - 5}" y="${y(value) + 3}" text-anchor="end">${short(value)}</text>`,
    ),
    ...sizes.map(
      (nodes) => `<text class="soft" x="${x(nodes)}" y="${floor + 13}" text-anchor="middle">${nodes}</text>`,
    ),
    `<text class="soft" x="${PLOT.left - 5}" y="${floor + 13}" text-anchor="end">nodes</text>`,
    ...limitOf({ limit, unit, isNear, y, width }),
    ...curves.map((curve) => drawCurve(curve, { at: names.indexOf(curve.name), unit, x, y })),
    ...lastValues(curves, { names, x, y }),
  ].join('');
}

function limitOf({
  limit,
  unit,
  isNear,
  y,
  width,
}: {
  limit: number | undefined;
  unit: string;
  isNear: boolean;
  y: (value: number) => number;
  width: number;
}): string[] {
  if (limit === undefined) return [];
  const said = `<text class="limit-text" x="${WIDTH - 12}" y="20" text-anchor="end">limit ${short(limit)} ${unit}</text>`;
  return isNear ? [`<path class="limit" d="M${PLOT.left} ${y(limit)}h${width}"/>`, said] : [said];
}

function drawCurve(
  { points }: Curve,
  of: { at: number; unit: string; x: (nodes: number) => number; y: (value: number) => number },
): string {
  const { at, unit, x, y } = of;
  return [
    `<g class="c${at}">`,
    `<polyline class="line" points="${points.map(([nodes, value]) => `${x(nodes)},${y(value)}`).join(' ')}"/>`,
    ...points.map(
      ([nodes, value]) =>
        `<circle class="dot" cx="${x(nodes)}" cy="${y(value)}" r="3"><title>${nodes}: ${short(value)} ${unit}</title></circle>`,
    ),
    '</g>',
  ].join('');
}

/** Beside the last points, from the top down, none over another. */
function lastValues(
  curves: readonly Curve[],
  of: { names: readonly string[]; x: (nodes: number) => number; y: (value: number) => number },
): string[] {
  const { names, x, y } = of;
  const lasts = curves.flatMap(({ name, points }) => {
    const last = points.at(-1);
    return last === undefined ? [] : [{ name, nodes: last[0], value: last[1] }];
  });
  let above = -Infinity;
  return lasts
    .sort((a, b) => b.value - a.value)
    .map(({ name, nodes, value }) => {
      above = Math.max(above + LINE, y(value) + 3);
      return `<g class="c${names.indexOf(name)}"><text class="name" x="${x(nodes) + 6}" y="${round(above)}">${short(value)}</text></g>`;
    });
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function short(value: number): string {
  return String(Number(value.toPrecision(value < 1 ? 2 : 3)));
}
