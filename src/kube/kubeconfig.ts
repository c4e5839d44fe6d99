/** Where the credentials for the API server come from: a kubeconfig, or the pod's service account. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { KubeConfig, type Cluster } from '@kubernetes/client-node';
import { FarletError, messageOf } from '../model/errors.ts';
import { execPlugin, type ExecPlugin } from './exec-credentials.ts';

/** A kubeconfig as it was read. */
export interface Kubeconfig {
  readonly config: KubeConfig;
  readonly server: string;
  /** the program that has the credentials, if one does */
  readonly plugin: ExecPlugin | undefined;
  /** what the files held; undefined: it is made of nothing that could change */
  readonly text: string | undefined;
}

/** Whether an API server is configured: by the given file, a pod's service account, or the usual places. */
export function isClusterConfigured(kubeconfig: string | undefined): boolean {
  return (
    kubeconfig !== undefined ||
    process.env.KUBERNETES_SERVICE_HOST !== undefined ||
    (process.env.KUBECONFIG ?? '') !== '' ||
    existsSync(usualFile())
  );
}

/** @throws FarletError `invalid` for one that can't be used */
export function loadKubeconfig(file: string | undefined, text?: string): Kubeconfig {
  const config = load(file);
  const cluster = config.getCurrentCluster();
  const exec: unknown = config.getCurrentUser()?.exec;
  const server = cluster?.server ?? '';
  if (exec === undefined || exec === null) return { config, server, plugin: undefined, text };
  const plugin = execPlugin(exec, clusterInfo(cluster));
  // the library's way of asking plugins has no deadline and never asks again
  config.users = config.users.map((user) => ({ ...user, exec: undefined }));
  return { config, server, plugin, text };
}

/** What the files of a kubeconfig hold; undefined: it has none. Rejects if one can't be read. */
export async function kubeconfigText(file: string | undefined): Promise<string | undefined> {
  const files = kubeconfigFiles(file);
  if (files.length === 0) return undefined;
  const texts = await Promise.all(files.map((each) => readFile(each, 'utf8')));
  return texts.join('\0');
}

/** The files that credentials are read from, as far as they are known by name. */
export function filesOf(file: string | undefined, { config }: Kubeconfig): string[] {
  const user = config.getCurrentUser();
  const provider: unknown = (user?.authProvider as { config?: { tokenFile?: unknown } } | undefined)?.config;
  const tokenFile = (provider as { tokenFile?: unknown } | undefined)?.tokenFile;
  return [
    ...kubeconfigFiles(file),
    ...[config.getCurrentCluster()?.caFile, user?.certFile, user?.keyFile, tokenFile].filter(
      (each) => typeof each === 'string',
    ),
  ];
}

function kubeconfigFiles(file: string | undefined): string[] {
  if (file !== undefined) return [file];
  if (process.env.KUBERNETES_SERVICE_HOST !== undefined) return [];
  const variable = process.env.KUBECONFIG ?? '';
  return variable === '' ? [usualFile()] : variable.split(delimiter).filter((each) => each !== '');
}

function usualFile(): string {
  return join(homedir(), '.kube', 'config');
}

function load(file: string | undefined): KubeConfig {
  const config = new KubeConfig();
  try {
    if (file !== undefined) config.loadFromFile(file);
    else if (process.env.KUBERNETES_SERVICE_HOST !== undefined) config.loadFromCluster();
    else config.loadFromDefault();
  } catch (error) {
    throw new FarletError('invalid', `${nameOf(file)} can't be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (config.getCurrentCluster() === null) {
    throw new FarletError(
      'invalid',
      `${nameOf(file)} has no current context with a cluster; set current-context`,
    );
  }
  return config;
}

/** As a credential plugin is told of it (client.authentication.k8s.io Cluster). */
function clusterInfo(cluster: Cluster | null): object {
  const { server, tlsServerName, skipTLSVerify, caData, proxyUrl } = cluster ?? ({} as Partial<Cluster>);
  return Object.fromEntries(
    Object.entries({
      server,
      'tls-server-name': tlsServerName,
      'insecure-skip-tls-verify': skipTLSVerify === true ? true : undefined,
      'certificate-authority-data': caData,
      'proxy-url': proxyUrl,
    }).filter(([, value]) => value !== undefined),
  );
}

/** Where a kubeconfig was looked for, as the user who set it knows it. */
export function nameOf(file: string | undefined): string {
  if (file !== undefined) return `kubeconfig ${file}`;
  if (process.env.KUBERNETES_SERVICE_HOST !== undefined) return "the pod's service account";
  const variable = process.env.KUBECONFIG ?? '';
  return variable === ''
    ? 'kubeconfig ~/.kube/config'
    : `kubeconfig ${variable} (of the variable KUBECONFIG)`;
}
