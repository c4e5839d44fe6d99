/**
 * Names of sysctls and the kernel namespaces that keep them apart
 * (component-helpers/node/util/sysctl/namespace.go).
 */
export type SysctlNamespace = 'IPC' | 'Net';

const ipc = new Set(
  'kernel.sem kernel.shmall kernel.shmmax kernel.shmmni kernel.shm_rmid_forced kernel.shm kernel.msgmax kernel.msgmnb kernel.msgmni kernel.msg'.split(
    ' ',
  ),
);

/**
 * The kernel namespace that keeps a sysctl (or what a prefix stands for) apart; undefined where none does.
 */
export function sysctlNamespace(nameOrPrefix: string): SysctlNamespace | undefined {
  const name = nameOrPrefix.replace(/\.$/, '');
  if (ipc.has(name) || nameOrPrefix.startsWith('fs.mqueue.') || name === 'fs.mqueue') return 'IPC';
  return nameOrPrefix.startsWith('net.') ? 'Net' : undefined;
}

/**
 * With dots between its parts, unless the first separator is one: then slashes separate and dots are part of
 * names.
 */
export function normalizeSysctl(name: string): string {
  if (/[./]/.exec(name)?.[0] !== '/') return name;
  return name.replace(/[./]/g, (character) => (character === '/' ? '.' : '/'));
}
