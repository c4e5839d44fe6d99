/** `$(NAME)` in commands, arguments, variables and sub-paths (third_party/forked/golang/expansion). Pure. */
import type { EnvVar } from './kube.ts';

/**
 * Replaces $(NAME) by what `valueOf` gives; where it gives undefined the reference stays as it is written.
 * `$$` is a plain `$`; a `$` before anything else, and a reference that isn't closed, are kept. What is put
 * in isn't looked at again.
 */
export function expand(text: string, valueOf: (name: string) => string | undefined): string {
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (reference: string, name: string | undefined) =>
    name === undefined ? '$' : (valueOf(name) ?? reference),
  );
}

/**
 * A command by the values that the container's spec itself gives: those with a source are "", of two of one
 * name the later counts, and none is expanded itself (pkg/kubelet/container/helpers.go
 * ExpandContainerCommandOnlyStatic).
 */
export function expandStatic(command: readonly string[], env: readonly EnvVar[]): string[] {
  const values = new Map(env.map(({ name, value }) => [name, value ?? '']));
  return command.map((word) => expand(word, (name) => values.get(name)));
}
