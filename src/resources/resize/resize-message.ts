import type { Container, Pod } from '../../model/kube.ts';

/** What events on resizes tell: a sentence and the resources as JSON (pkg/kubelet/events/resize.go). Pure. */
export function resizeMessage(
  pod: Pod,
  { what, generation, error = '' }: { what: string; generation: number; error?: string },
): string {
  const { initContainers = [], containers } = pod.spec;
  const summary = {
    ...(initContainers.length === 0 ? {} : { initContainers: initContainers.map(shown) }),
    containers: containers.map(shown),
    generation,
    ...(error === '' ? {} : { error }),
  };
  return `Pod resize ${what}: ${goJson(summary)}`;
}

/** Keys in the order in which Go writes them: fields as declared, maps sorted. */
function shown({ name, resources }: Container): object {
  const limits = sorted(resources?.limits);
  const requests = sorted(resources?.requests);
  return {
    name,
    resources: {
      ...(limits === undefined ? {} : { limits }),
      ...(requests === undefined ? {} : { requests }),
    },
  };
}

function sorted(list: Readonly<Record<string, string>> | undefined): Record<string, string> | undefined {
  const entries = Object.entries(list ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** encoding/json escapes what HTML would read. */
function goJson(value: object): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
