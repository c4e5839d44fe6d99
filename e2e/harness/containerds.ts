/** The containerds that scenarios run on: the one that `FARLET_E2E_CONTAINERD` names, 1.6 or 2; else both. */
export type ContainerdVersion = '1.6' | '2';

export const containerds: readonly ContainerdVersion[] = chosen(process.env.FARLET_E2E_CONTAINERD);

/** Those of the hosts whose containerd the scenarios run on. */
export function onContainerds<Host extends { readonly version: ContainerdVersion }>(
  hosts: readonly Host[],
): readonly Host[] {
  return hosts.filter(({ version }) => containerds.includes(version));
}

function chosen(text: string | undefined): readonly ContainerdVersion[] {
  if (text === undefined) return ['1.6', '2'];
  if (text === '1.6' || text === '2') return [text];
  throw new Error(`FARLET_E2E_CONTAINERD is ${text}: it may be 1.6 or 2, and without it both are taken`);
}
