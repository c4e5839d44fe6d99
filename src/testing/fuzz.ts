/**
 * Properties of what parses the words of others, tried on many inputs: nothing throws but the parser's own
 * errors, nothing hangs, nothing grows, and no single input keeps the event loop for long. `npm test` tries a
 * few hundred inputs of each from a seed that stays the same; `npm run fuzz` goes on for FUZZ_SECONDS with
 * new seeds. What once failed is kept in fuzz-seeds.json and tried first, always.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import fc from 'fast-check';

const RUNS = 300;

interface KeptSeed {
  readonly seed: number;
  readonly path: string;
}

const kept = new Map(
  Object.entries(
    JSON.parse(readFileSync(new URL('fuzz-seeds.json', import.meta.url), 'utf8')) as Record<
      string,
      KeptSeed[]
    >,
  ),
);
const seconds = Number(process.env.FUZZ_SECONDS ?? 0);
/**
 * CPU time one input may take; what takes longer three times in a row would be felt by every other pod. A
 * test run only looks for what is out of all bounds: compiling and collecting garbage count too, and the
 * machine may be anything.
 */
const MAX_BLOCK_MS = seconds > 0 ? 50 : 2_000;

export interface FuzzOptions {
  /** inputs in a run of `npm test`; fewer where each of them opens a connection */
  readonly runs?: number;
  /** for what waits for others: only its result is judged, not its CPU time */
  readonly isAsync?: boolean;
}

/**
 * A test that `parse` copes with whatever `input` makes. It may throw only where its contract says so: catch
 * that inside. `name` is unique in the project, as kept seeds are found by it.
 */
export function fuzz<Input>(
  name: string,
  input: fc.Arbitrary<Input>,
  parse: (input: Input) => unknown,
  { runs = RUNS, isAsync = false }: FuzzOptions = {},
): void {
  const property = fc.asyncProperty(input, async (value) => {
    if (isAsync) await parse(value);
    else await withinBlock(() => parse(value));
  });
  void it(`fuzz: ${name}`, async () => {
    for (const seed of kept.get(name) ?? [])
      await fc.assert(property, { ...seed, numRuns: 1, endOnFailure: true });
    await fc.assert(property, { seed: seedOf(name), numRuns: runs });
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) await fc.assert(property, { numRuns: runs });
  });
}

/** Runs again what took long, as the machine may have been busy: the least of three counts. */
async function withinBlock(work: () => unknown): Promise<void> {
  let least = Infinity;
  for (let tries = 0; tries < 3; tries += 1) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
    if (least <= MAX_BLOCK_MS) return;
  }
  assert.fail(`one input took ${least.toFixed(0)} ms of CPU time, ${String(MAX_BLOCK_MS)} are allowed`);
}

/** The same for a name in every run, so that a failure in one run is one in the next. */
function seedOf(name: string): number {
  let hash = 0;
  for (const byte of Buffer.from(name)) hash = (Math.imul(hash, 31) + byte) | 0;
  return hash;
}

/** Any bytes, and bytes that look like text with the separators that parsers stumble over. */
export function hostileBytes(maxLength = 4096): fc.Arbitrary<Buffer> {
  const pieces = fc.constantFrom(
    ...['\r\n', '\n', '\r', '\0', ' ', '\t', ':', ';', '=', '%', '%zz', '$(', ')', '{', '}', '[', ']', '"'],
    ...["'", '\\', '\\u0000', '<html>', '\u{feff}', '\u{2028}', 'é', '£', '💥', '__proto__', 'constructor'],
    ...['0', '-1', '9007199254740993', '18446744073709551616', '1e999', 'NaN', 'null', '/../', '//', '-l'],
  );
  const text = fc
    .array(fc.oneof(pieces, fc.string({ unit: 'binary' })), {
      maxLength: Math.max(1, Math.floor(maxLength / 16)),
    })
    .map((parts) => Buffer.from(parts.join('')).subarray(0, maxLength));
  const bytes = fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
  return fc.oneof(text, bytes);
}

/** A good message with a few of its bytes changed, removed, doubled, or other bytes put between. */
export function damaged(good: Buffer): fc.Arbitrary<Buffer> {
  const at = fc.nat({ max: good.length });
  const damage = fc.oneof(
    fc.record({ at, drop: fc.nat({ max: 16 }), put: fc.constant(Buffer.alloc(0)) }),
    fc.record({ at, drop: fc.nat({ max: 4 }), put: hostileBytes(64) }),
    at.map((from) => ({ at: from, drop: 0, put: good.subarray(from) })),
    at.map((from) => ({ at: from, drop: good.length, put: Buffer.alloc(0) })),
  );
  return fc
    .array(damage, { minLength: 1, maxLength: 4 })
    .map((damages) =>
      damages.reduce(
        (bytes, { at: from, drop, put }) =>
          Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + drop)]),
        good,
      ),
    );
}
