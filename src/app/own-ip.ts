/** The address that the API server finds farlet at, where neither the configuration nor its pod says. */
import type { ProcessContext } from './process-context.ts';
import { urlTarget } from '../hosts/link/url-target.ts';
import { addressTowards, anyOwnAddress } from '../hosts/link/own-address.ts';
import { retry } from '../util/retry.ts';

/**
 * The address that packets to the API server leave from; tries on while its route is unknown, if nothing can
 * run without it. Rejects only once the process ends.
 */
export async function ownIP({ kube, log, clock, signal, needsApi }: ProcessContext): Promise<string> {
  const { server } = kube;
  if (server === '') return anyOwnAddress();
  const attempt = (): Promise<string> => addressTowards(urlTarget(new URL(server)));
  if (needsApi)
    return retry(attempt, {
      policy: { baseMs: 500, maxMs: 5_000, factor: 1.5, jitter: 0.2 },
      clock,
      signal,
      onFailure: (error) => {
        log.warn(
          { err: error, server },
          'waiting for the API server, whose route gives the node its address',
        );
      },
    });
  try {
    return await attempt();
  } catch (error) {
    const address = anyOwnAddress();
    log.warn(
      { err: error, address },
      "no route to the API server: taking this machine's first address; set nodeIP to choose another",
    );
    return address;
  }
}
