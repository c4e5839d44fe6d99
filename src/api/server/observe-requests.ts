/** Which requests the server has, as a kubelet counts them (pkg/kubelet/server/server.go ServeHTTP). */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../util/clock.ts';
import { pathOf } from '../http/request-target.ts';

export interface RequestLabels {
  readonly method: string;
  readonly path: string;
  readonly server_type: 'readwrite';
  readonly long_running: 'true' | 'false';
}

export interface RequestObserver {
  began(labels: RequestLabels): void;
  ended(labels: RequestLabels, seconds: number): void;
}

const methods = new Set(['OPTIONS', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'TRACE', 'CONNECT']);
const paths = new Set([
  'attach',
  'checkpoint',
  'configz',
  'containerLogs',
  'debug',
  'exec',
  'flagz',
  'healthz',
  'logs',
  'metrics',
  'metrics/cadvisor',
  'metrics/probes',
  'metrics/resource',
  'pods',
  'portForward',
  'pprof',
  'run',
  'runningpods',
  'stats',
  'statusz',
]);
/** `portforward` never matches, here as there: the path is `portForward`. */
const longRunning = new Set(['exec', 'attach', 'portforward', 'debug']);

/** What is not a kubelet's path or method is `other`, so that callers can't make series. */
export function requestLabels(method: string, path: string): RequestLabels {
  const [root = '', second] = path.replace(/^\//, '').split('/');
  const found = root === 'metrics' && second !== undefined ? `${root}/${second}` : root;
  return {
    method: methods.has(method) ? method : 'other',
    path: paths.has(found) ? found : 'other',
    server_type: 'readwrite',
    long_running: longRunning.has(found) ? 'true' : 'false',
  };
}

/** A request lasts until its answer is out or its connection has gone; a stream as long as its connection. */
export function observeRequests(
  server: Pick<Server, 'on'>,
  { observer, clock }: { observer: RequestObserver; clock: Pick<Clock, 'monotonic'> },
): void {
  const follow = ({ method = '', url = '' }: IncomingMessage, end: ServerResponse | Duplex): void => {
    const labels = requestLabels(method, pathOf(url));
    const began = clock.monotonic();
    observer.began(labels);
    end.once('close', () => {
      observer.ended(labels, (clock.monotonic() - began) / 1000);
    });
  };
  server.on('request', follow);
  server.on('upgrade', follow);
}
