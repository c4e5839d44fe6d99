/** What a run shows against the recording of a real kubelet. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { allowedDifferences, type Circumstances } from './allowed-differences.ts';
import { criDeviations } from './compare-cri.ts';
import { eventDeviations } from './compare-events.ts';
import { stepDeviations } from './compare-steps.ts';
import { readableDiff } from './diff.ts';
import type { Recording } from './recording.ts';

/**
 * Every deviation as a text that says where and what; none when the run is as recorded but for allowed
 * differences.
 */
export function deviations(recorded: Recording, found: Recording, circumstances: Circumstances): string[] {
  const [wanted, seen] = [recorded, found].map((each) =>
    allowedDifferences
      .filter(({ when }) => when === undefined || when(circumstances))
      .reduce((recording, { erase }) => erase(recording, circumstances), each),
  ) as [Recording, Recording];
  const [status, seenStatus] = [wanted.lastStatusBeforeDeletion, seen.lastStatusBeforeDeletion];
  return [
    ...stepDeviations(wanted.steps, seen.steps).map((text) => `steps: ${text}`),
    ...(isDeepStrictEqual(status, seenStatus)
      ? []
      : [`lastStatusBeforeDeletion:\n${readableDiff(status, seenStatus)}`]),
    ...eventDeviations(wanted.events, seen.events).map((text) => `events: ${text}`),
    ...criDeviations(wanted.cri, seen.cri, initContainers(wanted)).map((text) => `cri: ${text}`),
    ...(wanted.gone === seen.gone ? [] : [`gone: ${String(seen.gone)} instead of ${String(wanted.gone)}`]),
  ];
}

function initContainers({ steps }: Recording): Set<string> {
  return new Set(
    steps.flatMap(({ initContainerStatuses = [] }) =>
      initContainerStatuses.map((text) => text.split(':')[0] ?? ''),
    ),
  );
}
