import { status, type ServiceError } from '@grpc/grpc-js';
import { CriError, type ErrorKind } from '../../model/errors.ts';

/** gRPC codes: the kind farlet branches on, and the name Go's gRPC prints. */
const codes: Record<number, { kind: ErrorKind; name: string }> = {
  [status.CANCELLED]: { kind: 'cancelled', name: 'Canceled' },
  [status.UNKNOWN]: { kind: 'internal', name: 'Unknown' },
  [status.INVALID_ARGUMENT]: { kind: 'invalid', name: 'InvalidArgument' },
  [status.DEADLINE_EXCEEDED]: { kind: 'deadline-exceeded', name: 'DeadlineExceeded' },
  [status.NOT_FOUND]: { kind: 'not-found', name: 'NotFound' },
  [status.ALREADY_EXISTS]: { kind: 'already-exists', name: 'AlreadyExists' },
  [status.PERMISSION_DENIED]: { kind: 'forbidden', name: 'PermissionDenied' },
  [status.RESOURCE_EXHAUSTED]: { kind: 'resource-exhausted', name: 'ResourceExhausted' },
  [status.FAILED_PRECONDITION]: { kind: 'conflict', name: 'FailedPrecondition' },
  [status.ABORTED]: { kind: 'conflict', name: 'Aborted' },
  [status.OUT_OF_RANGE]: { kind: 'invalid', name: 'OutOfRange' },
  [status.UNIMPLEMENTED]: { kind: 'unimplemented', name: 'Unimplemented' },
  [status.INTERNAL]: { kind: 'internal', name: 'Internal' },
  [status.UNAVAILABLE]: { kind: 'unavailable', name: 'Unavailable' },
  [status.DATA_LOSS]: { kind: 'internal', name: 'DataLoss' },
  [status.UNAUTHENTICATED]: { kind: 'unauthenticated', name: 'Unauthenticated' },
};

/** The one place where a gRPC failure becomes one of farlet's. */
export function criError(error: ServiceError, call: { method: string; host: string }): CriError {
  const { kind, name } = codes[error.code] ?? { kind: 'internal', name: 'Unknown' };
  return new CriError(
    {
      kind,
      method: call.method,
      host: call.host,
      code: error.code,
      codeName: name,
      description: error.details || error.message,
    },
    { cause: error },
  );
}
