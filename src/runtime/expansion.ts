/**
 * Replaces $(NAME) by what `valueOf` gives; where it gives undefined the reference stays as it is written. `$$`
 * is a plain `$`, and a `$` before anything else is kept (third_party/forked/golang/expansion).
 */
export function expand(text: string, valueOf: (name: string) => string | undefined): string {
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (reference: string, name: string | undefined) =>
    name === undefined ? '$' : (valueOf(name) ?? reference),
  );
}
