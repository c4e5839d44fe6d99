/**
 * The hosts of scenarios that run over every link: those of `FARLET_E2E_LINK`, which is unix, ssh or tcp,
 * with the containerds of `FARLET_E2E_CONTAINERD`.
 */
import { onContainerds } from './containerds.ts';
import type { TestHost } from './host.ts';
import type { WorldHost } from './world.ts';

export type Link = 'unix' | 'ssh' | 'tcp';

export const link = linkOf(process.env.FARLET_E2E_LINK ?? 'unix');

/** One of each containerd. */
export const bothLinkHosts = hostsOver(link);

/** Those whose containerd the scenarios run on. */
export const linkHosts = onContainerds(bothLinkHosts);

/**
 * An address of this machine that the host, its pods and the API server's proxy may all be sent to: not
 * loopback.
 */
export function nearAddress({ address, outside }: Pick<TestHost, 'address' | 'outside'>): string {
  return link === 'unix' ? address : outside;
}

function linkOf(text: string): Link {
  if (text === 'unix' || text === 'ssh' || text === 'tcp') return text;
  throw new Error(`FARLET_E2E_LINK is ${text}: it may be unix, ssh or tcp`);
}

function hostsOver(over: Link): readonly WorldHost[] {
  if (over === 'unix')
    return [
      { name: 'node-1-6', version: '1.6' },
      { name: 'node-2', version: '2' },
    ];
  if (over === 'tcp')
    return [
      { name: 'tcp-1-6', version: '1.6', link: 'tcp' },
      { name: 'tcp-2', version: '2', link: 'tcp' },
    ];
  return [
    { name: 'ssh-1-6', version: '1.6', link: 'ssh' },
    { name: 'ssh-2', version: '2', link: 'ssh', user: 'operator' },
  ];
}
