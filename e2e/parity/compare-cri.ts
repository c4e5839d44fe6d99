/**
 * Whether the calls to the runtime are those of the recording: the same calls, whole, in the same order.
 * Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import { readableDiff } from './diff.ts';
import type { RecordedCall } from './recording.ts';

/** What differs, one text each. `init` names the init containers, sidecars among them. */
export function criDeviations(
  recorded: readonly RecordedCall[],
  found: readonly RecordedCall[],
  init: ReadonlySet<string>,
): string[] {
  const [wanted, made] = [comparable(recorded, init), comparable(found, init)];
  const names = (calls: readonly RecordedCall[]): string[] => calls.map(title);
  if (!isDeepStrictEqual(names(wanted), names(made)))
    return [`other calls than recorded:\n${readableDiff(names(wanted), names(made))}`];
  return wanted.flatMap((call, index) => {
    const other = made[index];
    const { times: wantedTimes = 1, ...request } = call;
    const { times: madeTimes = 1, ...otherRequest } = other ?? call;
    return [
      ...(isDeepStrictEqual(request, otherRequest)
        ? []
        : [`call ${index + 1}, ${title(call)}:\n${readableDiff(request, otherRequest)}`]),
      ...(isNear(call, wantedTimes, madeTimes)
        ? []
        : [`call ${index + 1}, ${title(call)}: made ${madeTimes} times, recorded ${wantedTimes}`]),
    ];
  });
}

function title({ call, error, request }: RecordedCall): string {
  const { config, container_id, pod_sandbox_id } = request as {
    readonly config?: { readonly metadata?: { readonly name?: string; readonly attempt?: number } };
    readonly container_id?: string;
    readonly pod_sandbox_id?: string;
  };
  const name = config?.metadata?.name ?? container_id ?? pod_sandbox_id;
  const attempt = config?.metadata?.attempt;
  return [
    call,
    ...(name === undefined ? [] : [name]),
    ...(attempt === undefined ? [] : [`attempt ${attempt}`]),
    ...(error === undefined ? [] : ['failed']),
  ].join(' ');
}

/** A probe's runs depend on moments; a hook's, which has no timeout, don't. */
function isNear({ call, request }: RecordedCall, recorded: number, made: number): boolean {
  if (call !== 'ExecSync' || request.timeout === undefined) return recorded === made;
  return made >= Math.floor(recorded / 2) && made <= recorded * 2;
}

/**
 * Regular containers are stopped side by side: their stops in the order of their names. Sidecars come after
 * them.
 */
function comparable(calls: readonly RecordedCall[], init: ReadonlySet<string>): RecordedCall[] {
  const stopped = (call: RecordedCall | undefined): string | undefined => {
    const name = call?.call === 'StopContainer' ? String(call.request.container_id) : undefined;
    return name === undefined || init.has(name.slice(1, -1)) ? undefined : name;
  };
  const ordered: RecordedCall[] = [];
  for (const call of calls) {
    const name = stopped(call);
    let at = ordered.length;
    while (name !== undefined && at > 0 && (stopped(ordered[at - 1]) ?? '') > name) at -= 1;
    ordered.splice(at, 0, call);
  }
  return ordered;
}
