import type { Container } from '../../model/kube.ts';

/**
 * The hash that tells whether a running container is the one its spec asks for: only name and image count, so
 * that neither defaulting nor an upgrade restarts anything. FNV-1a over the bytes of the JSON text, each
 * written in decimal, as the kubelet's hasher prints a byte slice (pkg/kubelet/container/helpers.go
 * HashContainer, pkg/util/hash). Lower-case hex without padding, the form of the container's annotation.
 */
export function containerHash(container: Pick<Container, 'name' | 'image'>): string {
  const picked =
    container.image === undefined || container.image === ''
      ? { name: container.name }
      : { image: container.image, name: container.name };
  const bytes = Buffer.from(goJson(picked), 'utf8');
  return fnv1a32(Buffer.from(`([]uint8)[${bytes.join(' ')}]`, 'latin1')).toString(16);
}

/** Go's encoder escapes these in strings, JSON.stringify does not. */
function goJson(value: object): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function fnv1a32(bytes: Buffer): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
