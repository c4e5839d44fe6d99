/**
 * Text in requests: protobuf's strings are UTF-8, and Go's library refuses others
 * (google.golang.org/protobuf). Pure.
 */
import { status } from '@grpc/grpc-js';
import { CriError } from '../../model/errors.ts';
import { representable } from '../../model/go-string.ts';

/**
 * The request as it can be sent. Throws what a kubelet's client gives for a string that stands for other
 * bytes than UTF-8.
 */
export function representableRequest(request: object, call: { method: string; host: string }): object {
  return isPlain(request) ? request : (checked(request, call) as object);
}

function isPlain(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return true;
  return Array.isArray(value)
    ? value.every(isPlain)
    : Object.entries(value).every(([key, each]) => key.isWellFormed() && isPlain(each));
}

function checked(value: unknown, call: { method: string; host: string }): unknown {
  if (typeof value === 'string') {
    const text = representable(value);
    if (text === undefined) throw invalidText(call);
    return text;
  }
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return value.map((each) => checked(each, call));
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [checked(key, call), checked(each, call)]),
  );
}

function invalidText(call: { method: string; host: string }): CriError {
  return new CriError({
    kind: 'internal',
    ...call,
    code: status.INTERNAL,
    codeName: 'Internal',
    description: 'grpc: error while marshaling: string field contains invalid UTF-8',
  });
}
