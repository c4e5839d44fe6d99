/**
 * The queries of exec, attach and port-forward (cri-streaming remotecommand.NewOptions,
 * portforward.NewV4Options). Pure.
 */
import { HttpFault } from './http-fault.ts';
import { firstValue } from './request-target.ts';
import type { StreamOptions } from './stream-request.ts';

export const noStreams: StreamOptions = { stdin: false, stdout: false, stderr: false, tty: false };

/** Throws HttpFault if nothing is to be streamed. A terminal has one output, so it takes stderr away. */
export function streamOptions(query: URLSearchParams): StreamOptions {
  const is = (key: string): boolean => firstValue(query, key) === '1';
  const tty = is('tty');
  const options = { stdin: is('input'), stdout: is('output'), stderr: is('error') && !tty, tty };
  if (!options.stdin && !options.stdout && !options.stderr)
    throw new HttpFault(400, 'you must specify at least 1 of stdin, stdout, stderr');
  return options;
}

/** The ports that a WebSocket names in its query; SPDY names them in its streams' headers instead. */
export function forwardedPorts(query: URLSearchParams): number[] {
  const texts = query.getAll('port');
  if (texts.length === 0) throw new HttpFault(400, 'query parameter "port" is required');
  return texts.flatMap((text) => {
    if (text === '') throw new HttpFault(400, 'query parameter "port" cannot be empty');
    return text.split(',').map((each) => {
      const port = Number(each);
      if (!/^\d+$/.test(each) || port > 65_535)
        throw new HttpFault(400, `unable to parse ${JSON.stringify(text)} as a port`);
      if (port === 0) throw new HttpFault(400, `port ${JSON.stringify(text)} must be > 0`);
      return port;
    });
  });
}
