/**
 * The API server as JSON, through one `kubectl proxy` on a socket of its own: any kubeconfig will do, and a
 * call costs no process.
 */
import { request, Agent } from 'node:http';
import { existsSync, rmSync } from 'node:fs';
import { kubernetes } from './cache.ts';
import { eventually, start, tail, type Running } from './processes.ts';

export interface KubeAnswer<T = unknown> {
  readonly code: number;
  readonly body: T;
}

export interface KubeApi {
  /** the answer, whatever its code */
  ask<T = unknown>(method: string, path: string, body?: object): Promise<KubeAnswer<T>>;
  /** the body of an answer in 2xx; others are errors that show it */
  call<T = unknown>(method: string, path: string, body?: object): Promise<T>;
  /**
   * events of a watch until the signal aborts; a watch that ends by itself is begun again where it stopped
   */
  watch(path: string, onEvent: (event: WatchEvent) => void, signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

export interface WatchEvent {
  readonly type: string;
  readonly object: { readonly metadata: { readonly resourceVersion: string; readonly namespace: string } };
}

export async function startKubeApi(options: { kubeconfig: string; folder: string }): Promise<KubeApi> {
  const socketPath = `${options.folder}/kubectl-proxy.sock`;
  const logFile = `${options.folder}/kubectl-proxy.log`;
  rmSync(socketPath, { force: true });
  const running: Running = start(
    'kubectl-proxy',
    [...kubernetes('kubectl'), `--kubeconfig=${options.kubeconfig}`, 'proxy', `--unix-socket=${socketPath}`],
    { logFile },
  );
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const ask = <T>(method: string, path: string, body?: object): Promise<KubeAnswer<T>> =>
    exchange<T>({ socketPath, agent, method, path, ...(body === undefined ? {} : { body }) });
  await eventually(
    'kubectl proxy',
    async () => existsSync(socketPath) && (await ask('GET', '/version')).code === 200,
    { describe: () => Promise.resolve(tail(logFile)) },
  );
  return {
    ask,
    call: async <T>(method: string, path: string, body?: object): Promise<T> => {
      const { code, body: answer } = await ask<T>(method, path, body);
      if (code >= 300) throw new Error(`${method} ${path}: ${code} ${JSON.stringify(answer)}`);
      return answer;
    },
    watch: (path, onEvent, signal) => watch({ socketPath, path }, onEvent, signal),
    stop: async () => {
      agent.destroy();
      await running.stop();
      rmSync(socketPath, { force: true });
    },
  };
}

interface Exchange {
  readonly socketPath: string;
  readonly agent: Agent;
  readonly method: string;
  readonly path: string;
  readonly body?: object;
}

function exchange<T>({ body, ...options }: Exchange): Promise<KubeAnswer<T>> {
  const type = options.method === 'PATCH' ? 'application/strategic-merge-patch+json' : 'application/json';
  return new Promise((resolve, reject) => {
    const asked = request({ ...options, headers: { 'content-type': type }, timeout: 60_000 }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => (text += chunk));
      answer.once('error', reject);
      answer.once('end', () => {
        resolve({ code: answer.statusCode ?? 0, body: parsed(text) as T });
      });
    });
    asked.once('timeout', () =>
      asked.destroy(new Error(`${options.method} ${options.path} took over a minute`)),
    );
    asked.once('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function watch(
  at: { socketPath: string; path: string },
  onEvent: (event: WatchEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  let version = '';
  while (!signal.aborted) {
    const from = version === '' ? '' : `&resourceVersion=${version}`;
    await watchOnce({ ...at, path: `${at.path}${from}` }, signal, (event) => {
      // the version is too old to go on from: begin again with what there is
      version = event.type === 'ERROR' ? '' : event.object.metadata.resourceVersion;
      if (event.type !== 'BOOKMARK' && event.type !== 'ERROR') onEvent(event);
    });
  }
}

function watchOnce(
  { socketPath, path }: { socketPath: string; path: string },
  signal: AbortSignal,
  onEvent: (event: WatchEvent) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, signal }, (answer) => {
      let rest = '';
      if (answer.statusCode !== 200) {
        answer.destroy();
        reject(new Error(`watch of ${path}: ${answer.statusCode ?? 0}`));
        return;
      }
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        const lines = `${rest}${chunk}`.split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) onEvent(JSON.parse(line) as WatchEvent);
      });
      answer.once('error', resolveIfAborted);
      answer.once('end', resolve);
    });
    const resolveIfAborted = (error: Error): void => {
      if (signal.aborted) resolve();
      else reject(error);
    };
    asked.once('error', resolveIfAborted);
    asked.end();
  });
}
