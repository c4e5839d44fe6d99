/** Promise.all by name: what the promises of a record come to; rejects with the first failure. */
export async function allOf<T extends Readonly<Record<string, unknown>>>(
  promises: T,
): Promise<{ readonly [Name in keyof T]: Awaited<T[Name]> }> {
  const names = Object.keys(promises);
  const values = await Promise.all(Object.values(promises));
  const entries = names.map((name, index) => [name, values[index]]);
  return Object.fromEntries(entries) as { readonly [Name in keyof T]: Awaited<T[Name]> };
}
