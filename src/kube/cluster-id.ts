import { FarletError, messageOf } from '../model/errors.ts';
import type { KubeObject } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import { backoffMs } from '../util/backoff.ts';
import type { Clock } from '../util/clock.ts';
import type { KubeConnection } from './connect.ts';
import { waitAfter } from './errors.ts';
import { paths } from './paths.ts';

const retry = { baseMs: 500, maxMs: 5_000, factor: 1.5, jitter: 0.2 };

/** The UID of kube-system names a cluster for good. Tries on, saying so, until the API server answers. */
export async function readClusterId(
  kube: Pick<KubeConnection, 'get' | 'server'>,
  options: {
    clock: Clock;
    log: Log;
    signal: AbortSignal;
    /** what is wrong, undefined once nothing is */
    onProblem: (problem: string | undefined) => void;
  },
): Promise<string> {
  const { clock, log, signal, onProblem } = options;
  for (let failures = 1; ; failures += 1) {
    try {
      const { metadata } = await kube.get<KubeObject>(paths.namespace('kube-system'), { signal });
      // pods of a former run would be nobody's by an empty one
      if (metadata?.uid === undefined || metadata.uid === '')
        throw new FarletError('unavailable', 'the namespace kube-system has no UID');
      onProblem(undefined);
      return metadata.uid;
    } catch (error) {
      signal.throwIfAborted();
      onProblem(messageOf(error));
      if (failures === 1 || failures % 10 === 0)
        log.warn({ err: error, server: kube.server }, 'waiting for the API server');
      await clock.sleep(waitAfter(error, backoffMs(retry, failures)), { signal });
    }
  }
}
