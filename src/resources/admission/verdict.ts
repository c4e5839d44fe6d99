/** What admission says of a pod. */
import type { Pod } from '../../model/kube.ts';
import type { Refusal } from './refusal.ts';

export type AdmissionVerdict =
  | { readonly kind: 'admitted' }
  | ({ readonly kind: 'refused' } & Refusal)
  /** only the node's labels are in the way, and they may have changed: the Node is to be read again */
  | { readonly kind: 'waits'; readonly waitsFor: 'node'; readonly otherwise: Refusal }
  /** a critical pod: these are to make room for it; the first resource in short supply is named */
  | {
      readonly kind: 'waits';
      readonly waitsFor: 'victims';
      readonly victims: readonly Pod[];
      readonly shortOf: string;
    };

export type WaitingVerdict = Extract<AdmissionVerdict, { kind: 'waits' }>;

export const admitted: AdmissionVerdict = { kind: 'admitted' };
