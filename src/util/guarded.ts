/**
 * The body of an event listener inside a promise: its exception becomes the promise's rejection. Thrown out
 * of a listener it would end the whole process, whatever input caused it.
 */
export function guarded<Args extends readonly unknown[]>(
  reject: (error: unknown) => void,
  body: (...args: Args) => void,
): (...args: Args) => void {
  return (...args) => {
    try {
      body(...args);
    } catch (error) {
      reject(error);
    }
  };
}
