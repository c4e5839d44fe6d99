/** A small picture (SVG) of the dashboard's panels with what Prometheus had for them. Pure. */
import type { Series } from '../harness/prometheus.ts';
import { xmlText } from '../harness/xml-text.ts';
import type { Panel } from './chart-files.ts';

export interface PanelData extends Panel {
  /** of each query */
  readonly series: readonly (readonly Series[])[];
}

interface Line {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

const COLUMNS = 3;
const WIDTH = 300;
const HEIGHT = 130;
const PLOT = { left: 46, right: 8, top: 22, bottom: 22 };
const MAX_LINES = 5;
const MAX_POINTS = 48;
const COLOURS = ['#3274d9', '#e0752d', '#37872d', '#8f3bb8', '#c4162a'];

export function drawPanels(panels: readonly PanelData[]): string {
  const drawn = panels.filter(({ kind }) => kind === 'timeseries');
  const rows = Math.ceil(drawn.length / COLUMNS);
  const cells = drawn.map((panel, index) => {
    const x = (index % COLUMNS) * WIDTH;
    const y = Math.floor(index / COLUMNS) * HEIGHT;
    return `<g transform="translate(${x} ${y})">${drawPanel(panel)}</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH * COLUMNS} ${HEIGHT * rows}" font-family="sans-serif" font-size="8">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    ...cells,
    '</svg>\n',
  ].join('\n');
}

function drawPanel(panel: PanelData): string {
  const lines = linesOf(panel);
  const values = lines.flatMap(({ points }) => points.map(([, value]) => value));
  const times = lines.flatMap(({ points }) => points.map(([at]) => at));
  const low = Math.min(0, ...values);
  const high = Math.max(low + 1e-9, ...values);
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const width = WIDTH - PLOT.left - PLOT.right;
  const height = HEIGHT - PLOT.top - PLOT.bottom;
  const at = ([time, value]: readonly [number, number]): string =>
    `${Math.round(PLOT.left + (width * (time - from)) / Math.max(1, to - from))},${Math.round(PLOT.top + height * (1 - (value - low) / (high - low)))}`;
  const floor = PLOT.top + height;
  return [
    `<rect x="3" y="3" width="${WIDTH - 6}" height="${HEIGHT - 6}" fill="none" stroke="#ddd"/>`,
    `<text x="9" y="15" font-size="10" font-weight="bold">${xmlText(panel.title)}</text>`,
    `<path d="M${PLOT.left} ${floor}h${width}" stroke="#999" fill="none"/>`,
    `<text x="${PLOT.left - 4}" y="${PLOT.top + 6}" text-anchor="end">${spoken(high, panel.unit)}</text>`,
    `<text x="${PLOT.left - 4}" y="${floor}" text-anchor="end">${spoken(low, panel.unit)}</text>`,
    ...lines.map(({ points }, index) => {
      const stroke = COLOURS[index % COLOURS.length] ?? '';
      return `<polyline points="${points.map(at).join(' ')}" fill="none" stroke="${stroke}"/>`;
    }),
    ...lines.map(({ name }, index) => {
      const x = 9 + index * ((WIDTH - 16) / lines.length);
      const most = Math.max(6, Math.floor(60 / lines.length));
      const shown = name.length > most ? `${name.slice(0, most - 1)}…` : name;
      return `<text x="${Math.round(x)}" y="${HEIGHT - 9}" fill="${COLOURS[index % COLOURS.length] ?? ''}">${xmlText(shown)}</text>`;
    }),
  ].join('');
}

/** The largest of them. */
function linesOf({ series, legends }: PanelData): Line[] {
  const peak = ({ points }: Line): number => Math.max(...points.map(([, value]) => value));
  return series
    .flatMap((all, query) =>
      all.map(({ metric, values }) => ({
        name: named(legends[query] ?? '', metric),
        points: thinned(
          values
            .map(([at, value]) => [at, Number(value)] as const)
            .filter(([, value]) => Number.isFinite(value)),
        ),
      })),
    )
    .filter(({ points }) => points.length > 1)
    .sort((a, b) => peak(b) - peak(a))
    .slice(0, MAX_LINES);
}

function thinned(points: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  const each = Math.max(1, Math.ceil(points.length / MAX_POINTS));
  return points.filter((_, index) => index % each === 0);
}

function named(legend: string, metric: Readonly<Record<string, string>>): string {
  const labels = new Map(Object.entries(metric));
  return legend.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => labels.get(label) ?? '').trim();
}

function spoken(value: number, unit: string): string {
  switch (unit) {
    case 's':
      if (Math.abs(value) >= 172_800) return `${short(value / 86_400)} d`;
      return value !== 0 && Math.abs(value) < 1 ? `${short(value * 1000)} ms` : `${short(value)} s`;
    case 'bytes':
      return `${short(value / 2 ** 20)} MiB`;
    case 'Bps':
      return `${short(value / 1000)} kB/s`;
    case 'percentunit':
      return `${short(value * 100)} %`;
    case 'reqps':
    case 'ops':
      return `${short(value)}/s`;
    case 'bool_yes_no':
      return value > 0 ? 'yes' : 'no';
    default:
      return short(value);
  }
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
