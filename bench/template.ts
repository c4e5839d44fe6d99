/**
 * Learns from the runtime what farlet asked it for, so that the floor sends the same: a pod that farlet runs
 * is the template, and stays for as long as the bench does. The floor's containers mount the template's own
 * files.
 */
import { randomUUID } from 'node:crypto';
import type { ContainerConfig } from '../src/hosts/cri/generated/runtime/v1/ContainerConfig.ts';
import type { PodSandboxConfig } from '../src/hosts/cri/generated/runtime/v1/PodSandboxConfig.ts';
import { labels } from '../src/model/labels.ts';
import type { RawPodConfig, RawRuntime } from './raw-runtime.ts';

/** Makes the requests for one more pod like the template, of the given name. */
export type Template = (name: string) => RawPodConfig;

/** The label by which farlet knows its own: the floor's pods carry another node's name. */
const FLOOR_NODE = 'bench-floor';

/** containerd tells the requests it was given in its verbose statuses. */
export async function learnTemplate(raw: RawRuntime, uid: string): Promise<Template> {
  const held = await raw.withLabel(labels.podUid, uid);
  const sandbox = configOf(await raw.sandboxStatus(held.sandboxes[0] ?? '')) as PodSandboxConfig;
  const container = configOf(await raw.containerStatus(held.containers[0] ?? '')) as ContainerConfig;
  // values of variables are bytes in the contract and text in containerd's JSON
  const envs = (container.envs ?? []).map((env) => ({
    ...env,
    value: Buffer.from(String(env.value), 'utf8'),
  }));
  return (name) => {
    const podUid = randomUUID();
    const ref = { [labels.podName]: name, [labels.podUid]: podUid, [labels.node]: FLOOR_NODE };
    return {
      sandbox: {
        ...sandbox,
        metadata: { ...sandbox.metadata, name, uid: podUid },
        hostname: name,
        log_directory: `${sandbox.log_directory ?? ''}-floor`,
        labels: { ...sandbox.labels, ...ref },
      },
      container: {
        ...container,
        envs,
        labels: { ...container.labels, ...ref },
        log_path: `${name}.log`,
      },
    };
  };
}

/** Where the floor's container logs go; made by the bench, since the runtime makes no folders. */
export function floorLogFolder(template: Template): string {
  return template('any').sandbox.log_directory ?? '';
}

function configOf({ info }: { readonly info: Readonly<Record<string, string>> }): object {
  const told = JSON.parse(info.info ?? '{}') as { config?: object };
  if (told.config === undefined) throw new Error('the runtime does not tell the config it was given');
  return told.config;
}
