/** What a Node says of itself that its configuration says. Composition only. */
import { reservations } from '../config/reservations.ts';
import type { NodeConfig } from '../config/schema.ts';
import { effectiveEvictionHard } from '../host/managers.ts';
import { kubeletApiAt } from './kubelet-api-on-host.ts';
import type { NodeContext } from './node-context.ts';
import { poolLabels } from '../../model/host-labels.ts';
import type { Taint } from '../../model/kube.ts';
import type { NodeIdentity } from '../../node/node-object.ts';

/** Its labels and taints are what the configuration has when they are asked for. */
export function nodeIdentity({ config, node, nodeIPs, isPool, settings }: NodeContext): NodeIdentity {
  const reserved = reservations(config);
  return {
    name: node.name,
    ...kubeletApiAt(node, nodeIPs),
    get labels() {
      return settings.current.labels;
    },
    get hostLabels() {
      const { hosts } = settings.current;
      return isPool ? poolLabels(hosts) : (hosts[0]?.labels ?? {});
    },
    get taints() {
      return taintsOf(settings.current);
    },
    maxPods: config.maxPods,
    systemReserved: reserved.system,
    kubeReserved: reserved.kube,
    evictionHard: effectiveEvictionHard(config),
  };
}

/** Names the cluster too: a cloud's controllers and autoscalers see that the Node is no machine of theirs. */
export function providerIdOf({ node: { name, providerID }, cluster }: NodeContext): Promise<string> {
  const id = Promise.resolve(providerID ?? cluster?.then((uid) => `farlet://${uid}/${name}`) ?? '');
  id.catch(() => undefined);
  return id;
}

function taintsOf({ registerWithTaints }: NodeConfig): Taint[] {
  return registerWithTaints.map(({ key, value, effect }) => ({
    key,
    effect,
    ...(value === undefined ? {} : { value }),
  }));
}
