/** What the downward API shows as files (pkg/volume/downwardapi/downwardapi.go CollectData). Pure. */
import { messageOf } from '../../model/errors.ts';
import { resolveMetadataField } from '../../model/field-ref.ts';
import type { Pod, Volume } from '../../model/kube.ts';
import { resolveResourceFieldRef } from '../../model/resource-field-ref.ts';
import { throwAggregate } from './aggregate.ts';
import type { Payload, PayloadFile } from './payload.ts';

export type DownwardItems = NonNullable<NonNullable<Volume['downwardAPI']>['items']>;

export function downwardPayload(
  pod: Pod,
  items: DownwardItems,
  { defaultMode, allocatable }: { defaultMode: number; allocatable: Readonly<Record<string, string>> },
): Payload {
  const payload = new Map<string, PayloadFile>();
  const failures: string[] = [];
  for (const { path, fieldRef, resourceFieldRef, mode } of items) {
    try {
      const text =
        fieldRef !== undefined
          ? resolveMetadataField(pod, fieldRef.fieldPath)
          : resolveResourceFieldRef(pod, resourceFieldRef ?? { resource: '' }, {
              container: undefined,
              allocatable,
            });
      payload.set(path, { data: Buffer.from(text), mode: mode ?? defaultMode });
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  throwAggregate(failures);
  return payload;
}
