/** What a watch sends: one event a line (apimachinery: watch.Event). A line that is none ends the watch. */
import { objectProblem, isJson, isRefusal, shown, unexpected } from './answers.ts';
import type { ObjectForm } from './answer-form.ts';
import { watchError } from './errors.ts';

export type WatchLine<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T; readonly version: string }
  | { readonly type: 'BOOKMARK'; readonly version: string };

/**
 * One line, parsed.
 * @throws the server's error (`ERROR` events), or KubeError `unavailable` for what is no event of the kind
 *   that is watched
 */
export function decodeWatchLine<T>(form: ObjectForm, value: unknown): WatchLine<T> {
  if (!isJson(value)) throw unexpected('a line of the watch is no event', 200);
  const { type, object } = value;
  if (type === 'ERROR') {
    if (!isRefusal(object)) throw unexpected('an ERROR event of the watch is no Status', 200);
    throw watchError(object);
  }
  if (!isJson(object)) throw unexpected('an event of the watch has no object', 200);
  const { metadata, kind, apiVersion } = object;
  const version = isJson(metadata) ? metadata.resourceVersion : undefined;
  if (typeof version !== 'string' || version === '')
    throw unexpected('an object of the watch has no resourceVersion', 200);
  switch (type) {
    case 'BOOKMARK':
      if (apiVersion !== form.apiVersion || (form.kind !== undefined && kind !== form.kind))
        throw unexpected(`a bookmark of the watch is of another kind than ${form.kind ?? ''}`, 200);
      return { type, version };
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED': {
      const problem = objectProblem(form, object);
      if (problem !== undefined) throw unexpected(`an event of the watch: ${problem}`, 200);
      return { type, object: object as T, version };
    }
    default:
      throw unexpected(`the watch sends events of the type ${shown(type)}`, 200);
  }
}
