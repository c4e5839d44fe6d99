/** Reads /proc/self/mountinfo (proc(5)): the fifth field is the mount point, with octal escapes. Pure. */
export function mountPoints(mountinfo: string): string[] {
  return mountinfo
    .split('\n')
    .map((line) => line.split(' ')[4])
    .filter((path) => path !== undefined)
    .map((path) =>
      path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
    );
}

/** Those at or below a path, deepest first: the order in which they can be unmounted. */
export function mountsAtOrBelow(mountinfo: string, path: string): string[] {
  return mountPoints(mountinfo)
    .filter((point) => point === path || point.startsWith(`${path}/`))
    .sort((a, b) => b.length - a.length);
}
