/** /proc/self/mountinfo (proc(5)), whose paths have octal escapes. Pure. */
import type { MountEntry } from '../link/link.ts';

export function parseMountinfo(mountinfo: string): MountEntry[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [fields = '', rest = ''] = line.split(' - ', 2);
    const [, , device, root, path] = fields.split(' ');
    if (device === undefined || root === undefined || path === undefined) return [];
    return [{ path: unescape(path), device, root: unescape(root), type: rest.split(' ')[0] ?? '' }];
  });
}

/** Mount points at or below a path, deepest first: the order in which they can be unmounted. */
export function mountsAtOrBelow(mounts: readonly MountEntry[], path: string): string[] {
  const below = `${path}/`;
  return mounts
    .map((mount) => mount.path)
    .filter((point) => point === path || point.startsWith(below))
    .sort((a, b) => b.length - a.length);
}

/** The lines of a text that have the word in them: few of many, which are then all that is parsed. */
export function linesWith(text: Buffer, word: string): string {
  const lines: string[] = [];
  for (let at = text.indexOf(word); at >= 0;) {
    const end = text.indexOf('\n', at);
    const stop = end < 0 ? text.length : end;
    lines.push(text.toString('utf8', text.lastIndexOf('\n', at) + 1, stop));
    at = text.indexOf(word, stop);
  }
  return lines.join('\n');
}

/** A path as /proc/self/mountinfo writes it (seq_path in the kernel's fs/seq_file.c). */
export function mountinfoPath(path: string): string {
  return path.replace(
    /[ \t\n\\]/g,
    (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
}

function unescape(path: string): string {
  if (!path.includes('\\')) return path;
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}
