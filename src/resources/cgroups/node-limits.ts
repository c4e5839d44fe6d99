/** What all pods of a node together may use (pkg/kubelet/cm: getNodeAllocatableInternalAbsolute). Pure. */
import type { NodeInfo } from '../../model/node-info.ts';
import { quantityMilli, quantityValue } from '../../model/quantity-text.ts';
import { amountsOf, resourceList } from '../../model/resource-lists.ts';
import { hugePageAmounts, sharesOf, type CgroupLimits } from './pod-limits.ts';

/** Capacity, less what is reserved if that is to be enforced on pods. */
export function nodeLimits(
  capacity: NodeInfo['capacity'],
  reserved: { readonly milliCpu: bigint; readonly memoryBytes: bigint },
): CgroupLimits {
  return {
    cpuShares: sharesOf(positive(quantityMilli(capacity.cpu) - reserved.milliCpu)),
    memoryBytes: Number(positive(quantityValue(capacity.memory) - reserved.memoryBytes)),
    hugePages: hugePageAmounts(amountsOf(resourceList(capacity))),
  };
}

function positive(amount: bigint): bigint {
  return amount > 0n ? amount : 0n;
}
