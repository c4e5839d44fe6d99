/** Prints docs/events.md. */
import { nodeConditionTable, podConditionTable, type ConditionRow } from '../src/model/condition-reasons.ts';
import { eventTable } from '../src/model/event-reasons.ts';
import type { EventRow } from '../src/model/event-row.ts';

const rows = Object.entries<EventRow>(eventTable)
  .map(([key, row]) => ({ ...row, reason: row.shown ?? key }))
  .sort((a, b) => compare(a.reason, b.reason) || compare(a.about, b.about));

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function cells(...texts: readonly string[]): string {
  return `| ${texts.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** Names of pages of this folder are links. */
function linked(text: string): string {
  return text.replaceAll(/\b([a-z]+\.md)\b/g, '[$1]($1)');
}

function ownEvents(): string[] {
  return rows
    .filter(({ source }) => source === 'farlet')
    .map(({ reason, type, about, meaning, advice = '–' }) =>
      cells(`\`${reason}\``, type, about, meaning, linked(advice)),
    );
}

function kubeletEvents(kinds: readonly EventRow['about'][]): string[] {
  return rows
    .filter(({ source, about }) => source !== 'farlet' && kinds.includes(about))
    .map(({ reason, type, about, meaning, source }) =>
      cells(`\`${reason}\``, type, about, meaning, `\`${source}\``),
    );
}

function conditions(table: Readonly<Record<string, Readonly<Record<string, ConditionRow>>>>): string[] {
  return Object.entries(table).flatMap(([type, reasons]) =>
    Object.entries(reasons).map(([reason, { status, meaning }]) =>
      cells(`\`${type}\``, status, `\`${reason}\``, meaning),
    ),
  );
}

const eventHead = ['| reason | type | on | meaning | Kubernetes source |', '| --- | --- | --- | --- | --- |'];
const conditionHead = ['| condition | status | reason | meaning |', '| --- | --- | --- | --- |'];

const page = [
  '# Events and conditions',
  '',
  'Every reason of an event that farlet records and of a condition that it sets. This page is generated from',
  '`src/model/event-reasons.ts` and `src/model/condition-reasons.ts` (`npm run gen`).',
  '',
  'Events of a *Container* are on its pod, with the container in `involvedObject.fieldPath`. The reporting component is',
  '`kubelet`, as dashboards and scripts expect. Without an API server events are lines of the log.',
  '',
  "## Events of farlet's own",
  '',
  '| reason | type | on | meaning | what to do |',
  '| --- | --- | --- | --- | --- |',
  ...ownEvents(),
  '',
  "## A kubelet's events on pods and containers",
  '',
  'Reason, type and message are those of the kubelet.',
  '',
  ...eventHead,
  ...kubeletEvents(['Pod', 'Container', 'Pod or Node']),
  '',
  "## A kubelet's events on the Node",
  '',
  ...eventHead,
  ...kubeletEvents(['Node']),
  '',
  '## Conditions of the Node',
  '',
  "All but those of `farlet.dev/` are a kubelet's.",
  '',
  ...conditionHead,
  ...conditions(nodeConditionTable),
  '',
  '## Conditions of pods',
  '',
  '`PodScheduled` and `PodReadyToStartContainers` never have a reason, and others have none while nothing is the matter:',
  '`Ready` and `ContainersReady` when they are True, `PodResizeInProgress` while the resize goes well.',
  '`PodReadyToStartContainers` is True while the pod has a running sandbox with its network.',
  '',
  ...conditionHead,
  ...conditions(podConditionTable),
];
process.stdout.write(`${page.join('\n')}\n`);
