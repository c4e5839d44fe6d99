/**
 * The text that percent-encoded text stands for; undefined where it is none. decodeURIComponent alone throws
 * then.
 */
export function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
