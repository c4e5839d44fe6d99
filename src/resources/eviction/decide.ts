/**
 * Which shortages a node has and which of them call for evictions: the part of synchronize in
 * pkg/kubelet/eviction/eviction_manager.go that only thinks. Pure.
 */
import type { DiskLayout } from '../../hosts/disk-layout-reader.ts';
import {
  thresholdAmountOf,
  type EvictionThreshold,
  type EvictionSignal,
} from '../../model/eviction-thresholds.ts';
import { nodePressures, type NodePressure } from '../../model/node-info.ts';
import { pressureOf, type Observations } from './signals.ts';

type Disks = Pick<DiskLayout, 'imageFs' | 'split'>;

/** What is remembered from one check to the next; times in ms on a monotonic clock. */
export interface EvictionState {
  /** when each threshold that is met was first seen so, by its key */
  readonly metSince: ReadonlyMap<string, number>;
  /** when each condition was last seen */
  readonly pressureSeen: ReadonlyMap<NodePressure, number>;
  /** thresholds that called for evictions the last time: they are resolved only with their minimum reclaim */
  readonly acting: readonly EvictionThreshold[];
}

export const calm: EvictionState = { metSince: new Map(), pressureSeen: new Map(), acting: [] };

export interface EvictionDecision {
  readonly state: EvictionState;
  /** conditions that the node has or had within the transition period */
  readonly pressures: readonly NodePressure[];
  /** thresholds whose grace is over, the one to act on first */
  readonly act: readonly EvictionThreshold[];
}

export function decideEviction(input: {
  readonly thresholds: readonly EvictionThreshold[];
  readonly observations: Observations;
  readonly state: EvictionState;
  readonly transitionMs: number;
  readonly now: number;
}): EvictionDecision {
  const { thresholds, observations, state, transitionMs, now } = input;
  const met = unique([
    ...thresholdsMet(thresholds, observations, { withReclaim: false }),
    ...thresholdsMet(state.acting, observations, { withReclaim: true }),
  ]);
  const metSince = new Map(met.map((each) => [keyOf(each), state.metSince.get(keyOf(each)) ?? now]));
  const pressureSeen = new Map([
    ...state.pressureSeen,
    ...met.map(({ signal }): [NodePressure, number] => [pressureOf(signal), now]),
  ]);
  const pressures = nodePressures.filter((pressure) => {
    const seen = pressureSeen.get(pressure);
    return seen !== undefined && now - seen < transitionMs;
  });
  const act = met.filter((each) => now - (metSince.get(keyOf(each)) ?? now) >= each.graceMs);
  return { state: { metSince, pressureSeen, acting: act }, pressures, act: memoryFirst(act) };
}

/** Thresholds that more is wanted of than is available, by their minimum reclaim more if asked for. */
export function thresholdsMet(
  thresholds: readonly EvictionThreshold[],
  observations: Observations,
  { withReclaim }: { withReclaim: boolean },
): EvictionThreshold[] {
  return thresholds.filter(({ signal, value, minReclaim }) => {
    const seen = observations.get(signal);
    if (seen === undefined) return false;
    const extra = withReclaim && minReclaim !== undefined ? thresholdAmountOf(minReclaim, seen.capacity) : 0;
    return thresholdAmountOf(value, seen.capacity) + extra > seen.available;
  });
}

/**
 * Writable layers are watched as the file system they are on: what is set for containerfs gives way to the
 * thresholds of the image file system where that is theirs, else to the node's (UpdateContainerFsThresholds).
 */
export function withContainerFs(
  thresholds: readonly EvictionThreshold[],
  { imageFs, split }: Disks,
): EvictionThreshold[] {
  const model = imageFs !== undefined && !split ? 'imagefs.' : 'nodefs.';
  const own = thresholds.filter(({ signal }) => !signal.startsWith('containerfs.'));
  const derived = own
    .filter(({ signal }) => signal.startsWith(model))
    .map((each): EvictionThreshold => ({
      ...each,
      signal: each.signal.replace(model, 'containerfs.') as EvictionSignal,
    }));
  return [...own, ...derived];
}

function memoryFirst(thresholds: readonly EvictionThreshold[]): EvictionThreshold[] {
  const isMemory = ({ signal }: EvictionThreshold): boolean => signal === 'memory.available';
  return [...thresholds.filter(isMemory), ...thresholds.filter((each) => !isMemory(each))];
}

function unique(thresholds: readonly EvictionThreshold[]): EvictionThreshold[] {
  return [...new Map(thresholds.map((each) => [keyOf(each), each])).values()];
}

function keyOf({ signal, value, graceMs }: EvictionThreshold): string {
  return `${signal} ${value.kind === 'part' ? `${value.part}%` : String(value.amount)} ${graceMs}`;
}
