import type { InterfaceUse } from '../hosts/link/host-usage.ts';

/** As cAdvisor ignores them: what is not to the outside (container/libcontainer/handler.go). */
const ignored = ['lo', 'veth', 'docker', 'nerdctl'];

export function reportedInterfaces(all: readonly InterfaceUse[]): InterfaceUse[] {
  return all.filter(({ name }) => !ignored.some((prefix) => name.startsWith(prefix)));
}
