/**
 * The body of an event listener inside a promise: what it throws becomes the promise's rejection. Thrown out of a listener it
 * would end the whole process, whoever's words it stumbled over.
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
