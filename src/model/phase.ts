/** Succeeded and Failed are final: nothing of the pod will run again. */
export function isTerminalPhase(phase: string | undefined): boolean {
  return phase === 'Failed' || phase === 'Succeeded';
}
