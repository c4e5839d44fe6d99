/** Whether a kernel's release (6.1.0-18-amd64) is at least a version (4.15). An unreadable one is not. */
export function kernelAtLeast(release: string, wanted: string): boolean {
  const [major, minor = 0] = numbers(release);
  const [wantedMajor = 0, wantedMinor = 0] = numbers(wanted);
  if (major === undefined) return false;
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

function numbers(text: string): number[] {
  return (/^\d+(\.\d+)*/.exec(text)?.[0] ?? '')
    .split('.')
    .filter((part) => part !== '')
    .map(Number);
}
