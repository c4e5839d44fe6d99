import { FarletError, type ErrorKind } from '../../model/errors.ts';

/**
 * A volume that failed at another step than SetUp; the step's name begins the event, as the kubelet's
 * operations are named.
 */
export class MountStepError extends FarletError {
  readonly step: string;
  constructor(kind: ErrorKind, step: string, message: string, options?: ErrorOptions) {
    super(kind, message, options);
    this.step = step;
  }
}
