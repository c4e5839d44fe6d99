/** Why memory limits can't be lowered now (kuberuntime_manager.go validateMemoryResizeAction). Pure. */
export interface Shrinking {
  /** bytes; present where the pod's own limit goes down */
  readonly pod: { readonly limit: number; readonly used: number } | undefined;
  readonly containers: readonly {
    readonly name: string;
    readonly limit: bigint;
    readonly used: number | undefined;
  }[];
}

export function shrinkProblems({ pod, containers }: Shrinking): string | undefined {
  const problems = [
    ...(pod !== undefined && pod.used >= pod.limit
      ? [`attempting to set pod memory limit (${pod.limit}) below current usage (${pod.used})`]
      : []),
    ...containers.flatMap(({ name, limit, used }) => {
      if (used === undefined) return [`missing container "${name}" memory usage`];
      return used >= limit
        ? [`attempting to set container "${name}" memory limit (${limit}) below current usage (${used})`]
        : [];
    }),
  ];
  const [first] = problems;
  if (first === undefined) return undefined;
  return `cannot decrease memory limits: ${problems.length === 1 ? first : `[${problems.join(', ')}]`}`;
}
