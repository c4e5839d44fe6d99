/** What stands in for the API server where none is configured: every call says so. */
import { KubeError } from '../model/errors.ts';
import type { KubeConnection } from './connect.ts';

export function offlineKube(): KubeConnection {
  const refuse = (): Promise<never> =>
    Promise.reject(
      new KubeError('unavailable', 'farlet runs without an API server: none is configured', {
        status: 0,
        reason: 'ServiceUnavailable',
      }),
    );
  return {
    server: '',
    clientCertificate: () => undefined,
    get: refuse,
    create: refuse,
    replace: refuse,
    patch: refuse,
    delete: refuse,
    stream: refuse,
    epoch: () => 0,
    streams: () => ({ open: 0, waiting: 0 }),
    close: () => Promise.resolve(),
  };
}
