/** An overview as people read it. Pure. */
import { humanDuration } from './human-duration.ts';
import type { NodeOverview } from './overview.ts';

const UNKNOWN = '?';

const head = [
  'NODE',
  'STATUS',
  'HOSTS',
  'PODS',
  'WAITING',
  'HEARTBEAT',
  'OWNER',
  'KUBELET-API',
  'AGE',
] as const;
const hostHead = ['NODE', 'HOST', 'STATUS', 'PODS'] as const;

/** A table of nodes, one of the hosts of pools, and what is wrong; `now` in ms since the epoch. */
export function renderOverview(nodes: readonly NodeOverview[], now: number): string {
  if (nodes.length === 0) return 'farlet runs no node of this cluster\n';
  const hosts = nodes.flatMap((node) => node.hosts.map((host) => ({ node: node.name, ...host })));
  const sections = [
    columns(
      head,
      nodes.map((node) => row(node, now)),
    ),
  ];
  if (hosts.length > 0)
    sections.push(
      columns(
        hostHead,
        hosts.map(({ node, name, ready, drained, pods }) => [
          node,
          name,
          `${ready ? 'Ready' : 'NotReady'}${drained ? ',Drained' : ''}`,
          text(pods),
        ]),
      ),
    );
  const problems = nodes.flatMap(({ name, problems: some }) => some.map((each) => `${name}: ${each}\n`));
  if (problems.length > 0) sections.push(problems.join(''));
  return sections.join('\n');
}

function row(node: NodeOverview, now: number): string[] {
  const { name, ready, schedulable, leaving, hosts, pods, capacity, heartbeat, owner, kubeletAPI, created } =
    node;
  const waits = pods?.longestWait === undefined ? '' : ` (${humanDuration(pods.longestWait)})`;
  const counted = hosts.length === 0 ? [ready === 'True'] : hosts.map((host) => host.ready);
  return [
    name,
    `${{ True: 'Ready', False: 'NotReady', Unknown: 'Unknown' }[ready]}${schedulable ? '' : ',SchedulingDisabled'}${leaving ? ',Leaving' : ''}`,
    `${String(counted.filter(Boolean).length)}/${String(counted.length)}`,
    pods === undefined ? UNKNOWN : `${String(pods.ready)}/${String(pods.bound)} of ${text(capacity)}`,
    pods === undefined ? UNKNOWN : `${String(pods.waiting)}${waits}`,
    heartbeat === undefined ? UNKNOWN : `${humanDuration(heartbeat)} ago`,
    owner === '' ? 'none' : (owner ?? UNKNOWN),
    kubeletAPI ?? UNKNOWN,
    created === undefined ? UNKNOWN : humanDuration((now - Date.parse(created)) / 1000),
  ];
}

function text(count: number | undefined): string {
  return count === undefined ? UNKNOWN : String(count);
}

/** Columns as kubectl has them: three spaces between, nothing behind the last. */
function columns(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  return [titles, ...rows]
    .map(
      (cells) =>
        `${cells
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('   ')
          .trimEnd()}\n`,
    )
    .join('');
}
