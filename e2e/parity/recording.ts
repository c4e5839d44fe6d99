/** What a file of e2e/golden holds: a case, and what happened when it was run. */
import { readdirSync, readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';

/** An API object as JSON. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

/** Something done to the pod, `after` so many seconds from its creation. */
export interface LaterStep {
  readonly after: number;
  readonly object?: KubeObject;
  readonly patch?: { readonly sub?: string; readonly body: object };
}

/** The part of a file that is written by hand. */
export interface Case {
  readonly name: string;
  /** the comment at the file's head */
  readonly about: string;
  readonly pod: { readonly metadata: object; readonly spec: Readonly<Record<string, unknown>> };
  readonly objects?: readonly KubeObject[];
  readonly later?: readonly LaterStep[];
  readonly watchSeconds?: number;
}

/** One status in short form; absent keys are absent in the status. */
export interface Step {
  readonly phase: string;
  readonly deleting?: true;
  readonly reason?: string;
  readonly message?: string;
  readonly podIP?: string;
  readonly hostIP?: string;
  readonly qosClass?: string;
  readonly observedGeneration?: number;
  readonly startTime?: 'set';
  readonly conditions: readonly string[];
  readonly initContainerStatuses?: readonly string[];
  readonly containerStatuses?: readonly string[];
  readonly ephemeralContainerStatuses?: readonly string[];
}

export interface RecordedCall {
  readonly call: string;
  readonly error?: { readonly code: number; readonly message: string };
  readonly request: Readonly<Record<string, unknown>>;
  /** of equal ExecSync in a row; absent: one */
  readonly times?: number;
}

/** The part of a file that was observed. */
export interface Recording {
  readonly steps: readonly Step[];
  readonly lastStatusBeforeDeletion: Readonly<Record<string, unknown>>;
  readonly events: readonly string[];
  readonly cri: readonly RecordedCall[];
  readonly gone: boolean;
}

export const goldenFolder = new URL('../golden/', import.meta.url).pathname;

/** A case file, recorded or not yet. */
export function readCase(file: string): Case & Partial<Recording> {
  const text = readFileSync(file, 'utf8');
  const content = parse(text, {
    // no exponents in these files: 451820e0 is a hash
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || !tag.tag.endsWith(':float')),
  }) as Omit<Case, 'name' | 'about'> & Partial<Recording>;
  const about = text
    .split('\n')
    .filter((line) => line.startsWith('#'))
    .map((line) => line.replace(/^# ?/, ''))
    .join('\n');
  return { ...content, about, name: (file.split('/').at(-1) ?? file).replace(/\.yaml$/, '') };
}

/** Every recorded case, by name. */
export function goldenCases(): (Case & Recording)[] {
  return readdirSync(goldenFolder)
    .filter((file) => file.endsWith('.yaml'))
    .toSorted()
    .map((file) => {
      const found = readCase(`${goldenFolder}${file}`);
      if (found.steps === undefined) throw new Error(`e2e/golden/${file} has no steps: record it first`);
      return found as Case & Recording;
    });
}

/** The file's text, in the order and form of e2e/golden. */
export function writeRecording(of: Case, recording: Recording): string {
  const { pod, objects, later, watchSeconds } = of;
  const { steps, lastStatusBeforeDeletion, events, cri, gone } = recording;
  const content = {
    pod,
    ...(objects && { objects }),
    ...(later && { later }),
    ...(watchSeconds !== undefined && { watchSeconds }),
    steps,
    lastStatusBeforeDeletion,
    events,
    cri,
    gone,
  };
  const head =
    of.about === ''
      ? ''
      : `${of.about
          .split('\n')
          .map((line) => `# ${line}`.trimEnd())
          .join('\n')}\n`;
  return (
    head +
    stringify(content, {
      version: '1.1',
      indentSeq: false,
      lineWidth: 180,
      singleQuote: true,
      aliasDuplicateObjects: false,
    })
  );
}
