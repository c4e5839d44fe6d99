/**
 * Whether the states that a watch showed are those of the recording. Pure.
 *
 * Steps may be merged (an agent that is faster shows fewer), so what was found must be a part of what was
 * recorded, in its order, ending in the same state. What lasts until somebody acts is never merged away: each
 * phase, and each reason to wait but those of a start under way.
 */
import { isDeepStrictEqual } from 'node:util';
import { readableDiff } from './diff.ts';
import type { Step } from './recording.ts';

/** What contradicts the recording, one text each; none if nothing does. */
export function stepDeviations(recorded: readonly Step[], found: readonly Step[]): string[] {
  const contradiction = isSideBySide(recorded)
    ? interleavedDeviation(recorded, found)
    : orderedDeviation(recorded, found);
  return [contradiction, endDeviation(recorded, found), ...missingStates(recorded, found)].filter(
    (text) => text !== undefined,
  );
}

function orderedDeviation(recorded: readonly Step[], found: readonly Step[]): string | undefined {
  let from = 0;
  for (const [index, step] of found.entries()) {
    const match = recorded.findIndex((each, at) => at >= from && isDeepStrictEqual(each, step));
    if (match === -1) {
      const earlier = recorded.findIndex((each) => isDeepStrictEqual(each, step));
      if (earlier !== -1 && earlier < from)
        return `step ${index + 1} is recorded as step ${earlier + 1}, but step ${from} was shown before:\n${readableDiff({}, step)}`;
      return `step ${index + 1} is not among the recorded steps after ${from}; nearest:\n${readableDiff(nearest(recorded, step, from), step)}`;
    }
    from = match;
  }
  return undefined;
}

function nearest(recorded: readonly Step[], step: Step, from: number): Step | undefined {
  const flat = (of: Step): string[] => readableFields(of);
  const wanted = new Set(flat(step));
  const score = (of: Step): number => {
    const fields = flat(of);
    return fields.filter((each) => wanted.has(each)).length * 2 - fields.length;
  };
  return recorded.slice(from).toSorted((a, b) => score(b) - score(a))[0];
}

function readableFields(step: Step): string[] {
  return Object.entries(step).flatMap(([key, value]: [string, unknown]) =>
    Array.isArray(value) ? value.map((each) => `${key} ${String(each)}`) : [`${key} ${String(value)}`],
  );
}

function endDeviation(recorded: readonly Step[], found: readonly Step[]): string | undefined {
  const [wanted, shown] = [recorded.at(-1), found.at(-1)];
  if (isDeepStrictEqual(wanted, shown)) return undefined;
  return `the last step is another:\n${readableDiff(wanted, shown)}`;
}

function missingStates(recorded: readonly Step[], found: readonly Step[]): string[] {
  const shown = new Set(found.flatMap(lasting));
  return [...new Set(recorded.flatMap(lasting))]
    .filter((state) => !shown.has(state))
    .map((state) => `never shown: ${state}`);
}

/** What stays until something happens, and is therefore seen by every watch. */
function lasting(step: Step): string[] {
  const waiting = containers(step).flatMap((text) => {
    const reason = /^([^:]+): waiting\(([A-Za-z]+)/.exec(text);
    return reason === null || ['ContainerCreating', 'PodInitializing'].includes(reason[2] ?? '')
      ? []
      : [`${reason[1] ?? ''} waiting ${reason[2] ?? ''}`];
  });
  return [`phase ${step.phase}`, ...waiting];
}

function containers(step: Step): readonly string[] {
  return [
    ...(step.initContainerStatuses ?? []),
    ...(step.containerStatuses ?? []),
    ...(step.ephemeralContainerStatuses ?? []),
  ];
}

/** Containers that run beside each other change their states in whatever order the machine gives them. */
function isSideBySide(recorded: readonly Step[]): boolean {
  return recorded.some(({ containerStatuses }) => (containerStatuses ?? []).length > 1);
}

/**
 * Every part of the status — each container, each condition, the phase — goes through recorded values in
 * their recorded order; how the parts interleave is free. A condition's message names the containers that
 * aren't ready at that moment: it is checked against the step's own containers.
 */
function interleavedDeviation(recorded: readonly Step[], found: readonly Step[]): string | undefined {
  for (const part of parts(recorded)) {
    const values = withBetween(distinct(recorded.map(part.of)), part.between);
    let from = 0;
    for (const [index, step] of found.entries()) {
      const value = part.of(step);
      const match = values.findIndex((each, at) => at >= from && isDeepStrictEqual(each, value));
      if (match === -1)
        return `step ${index + 1}: ${part.name} is not as recorded, or comes too late:\n${readableDiff(values.slice(from), value)}`;
      from = match;
    }
  }
  return found.map(unreadyDeviation).find((text) => text !== undefined);
}

/** `between` before the first end that is recorded without it. */
function withBetween(values: readonly unknown[], between: string | undefined): unknown[] {
  const end = values.findIndex((value) => String(value).includes(': terminated('));
  return between === undefined || end === -1 || values.includes(between)
    ? [...values]
    : values.toSpliced(end, 0, between);
}

interface Part {
  readonly name: string;
  readonly between?: string;
  readonly of: (step: Step) => unknown;
}

function parts(recorded: readonly Step[]): Part[] {
  const first = recorded.find(({ containerStatuses }) => containerStatuses !== undefined);
  const names = (first?.containerStatuses ?? []).map((text) => text.split(':')[0] ?? '');
  const conditions = [
    ...new Set(recorded.flatMap((step) => step.conditions.map((text) => text.split('=')[0] ?? ''))),
  ];
  return [
    { name: 'the pod', of: ({ conditions: _c, containerStatuses: _s, ...rest }) => rest },
    ...conditions.map((type) => ({
      name: `condition ${type}`,
      of: (step: Step) => withoutNames(step.conditions.find((text) => text.startsWith(`${type}=`))),
    })),
    ...names.map((name) => ({
      name: `container ${name}`,
      // one that ends at once may be met while it runs
      between: `${name}: running last=- ready=true started=true restarts=0 id=set`,
      of: (step: Step) => step.containerStatuses?.find((text) => text.startsWith(`${name}:`)),
    })),
  ];
}

function withoutNames(condition: string | undefined): string | undefined {
  return condition?.replace(/\[[^\]]*\]/, '[…]');
}

function distinct(values: readonly unknown[]): unknown[] {
  return values.filter((value, index) => index === 0 || !isDeepStrictEqual(value, values[index - 1]));
}

function unreadyDeviation(step: Step, index: number): string | undefined {
  const unready = (step.containerStatuses ?? [])
    .filter((text) => text.includes(' ready=false '))
    .map((text) => text.split(':')[0] ?? '');
  for (const condition of step.conditions) {
    const named = /with unready status: \[([^\]]*)\]/.exec(condition)?.[1]?.split(' ');
    if (named !== undefined && !isDeepStrictEqual(named.toSorted(), unready.toSorted()))
      return `step ${index + 1} says "${condition}", but unready are: ${unready.join(' ')}`;
  }
  return undefined;
}
