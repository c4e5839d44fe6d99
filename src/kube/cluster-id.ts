import { FarletError, messageOf } from '../model/errors.ts';
import type { KubeObject } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import type { Clock } from '../util/clock.ts';
import { isWorthTelling, retry } from '../util/retry.ts';
import type { KubeConnection } from './connect.ts';
import { waitAfter } from './errors.ts';
import { paths } from './paths.ts';

const policy = { baseMs: 500, maxMs: 5_000, factor: 1.5, jitter: 0.2 };

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
  const read = async (): Promise<string> => {
    const { metadata } = await kube.get<KubeObject>(paths.namespace('kube-system'), { signal });
    // pods of a former run would be nobody's by an empty one
    if (metadata?.uid === undefined || metadata.uid === '')
      throw new FarletError('unavailable', 'the namespace kube-system has no UID');
    return metadata.uid;
  };
  const id = await retry(read, {
    policy,
    clock,
    signal,
    waitMs: waitAfter,
    onFailure: (error, failures) => {
      onProblem(messageOf(error));
      if (isWorthTelling(failures))
        log.warn({ err: error, server: kube.server }, 'waiting for the API server');
    },
  });
  onProblem(undefined);
  return id;
}
