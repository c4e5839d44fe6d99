import assert from 'node:assert/strict';
import { describe } from 'node:test';
import fc from 'fast-check';
import { damaged, fuzz, hostileBytes } from '../../testing/fuzz.ts';
import { forms } from './log-entry.ts';
import { LogReader, type LogOptions } from './log-reader.ts';
import { wordsOf } from './log-tail.ts';

const stamps = fc.constantFrom(
  ...[
    '2026-01-01T00:00:00.123456789Z',
    '2026-01-01T00:00:00Z',
    '2026-01-01T0:00:00,5+05:30',
    '2026-02-30T00:00:00Z',
  ],
  ...['', '0', '2026-01-01', 'x'.repeat(70)],
);
const line = fc
  .tuple(
    stamps,
    fc.constantFrom('stdout', 'stderr', 'stdlog', ''),
    fc.constantFrom('F', 'P', 'P:x', ':', ''),
    fc.oneof(
      hostileBytes(200),
      fc.nat({ max: 300_000 }).map((length) => Buffer.alloc(length, 0x61)),
      fc.nat({ max: 9000 }).map((length) => Buffer.alloc(length)),
    ),
    fc.constantFrom('\n', '\n', '\n', '\r\n', ''),
  )
  .map(([stamp, stream, tag, text, end]) =>
    Buffer.concat([Buffer.from(`${stamp} ${stream} ${tag} `), text, Buffer.from(end)]),
  );
const usual = fc
  .tuple(
    fc.constantFrom(
      ...['01.123456789Z', '01.5Z', '02.1Z', '02Z', '02.000000005+00:00', '02.25+05:30', '03.0123456789Z'],
      ...['02.1-24:60', '02.1+99:00', '60.1Z', '02,1Z', '02.Z'],
    ),
    fc.constantFrom('stdout', 'stdout', 'stderr', 'stdlog'),
    fc.constantFrom('F', 'F', 'P', 'FP', 'P:x'),
    fc.string({ maxLength: 12 }).map((text) => text.replaceAll('\n', '')),
  )
  .map((parts) => Buffer.from(`2026-01-01T00:00:${parts.join(' ')}\n`));
const json = fc.json().map((text) => Buffer.from(`${text}\n`));
const docker = Buffer.from('{"log":"a\\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}\n');
const file = fc
  .array(fc.oneof(line, hostileBytes(300), json, damaged(docker)), { maxLength: 12 })
  .map((parts) => Buffer.concat(parts));
const optional = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined });
const options: fc.Arbitrary<LogOptions> = fc.record({
  follow: fc.boolean(),
  tailLines: optional(fc.nat({ max: 20 })),
  limitBytes: optional(fc.integer({ min: 1, max: 100_000 })),
  since: optional(fc.constant({ seconds: 1_767_225_600, nanos: 5 })),
  timestamps: fc.boolean(),
});

function sent(bytes: Buffer, chosen: LogOptions, block: number): string {
  const reader = new LogReader(chosen);
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += block) out.push(reader.take(bytes.subarray(at, at + block)));
  out.push(reader.end());
  const whole = Buffer.concat(out);
  assert.ok(whole.length <= (chosen.limitBytes ?? Infinity));
  return `${whole.toString('latin1')}${reader.fault?.message ?? ''}`;
}

describe('logs that somebody else may have written', () => {
  fuzz('entries of logs', fc.oneof(line, json, damaged(docker), hostileBytes()), (bytes) => {
    for (const parse of forms) parse(bytes);
  });
  fuzz(
    'files of logs, however they are cut into blocks',
    fc.tuple(file, options, fc.integer({ min: 400, max: 70_000 })),
    ([bytes, chosen, block]) => {
      const whole = sent(bytes, chosen, bytes.length || 1);
      assert.equal(sent(bytes, chosen, block), whole);
      // without options nothing of a text is made up
      assert.ok(chosen.timestamps || whole.length <= bytes.length + 200_000);
    },
  );
  fuzz(
    'entries that are taken together, as those taken one by one',
    fc.tuple(fc.array(fc.oneof({ weight: 20, arbitrary: usual }, line), { maxLength: 30 }), options),
    ([lines, chosen]) => {
      // what begins before its end is there is taken alone
      const one = new LogReader(chosen);
      const taken = lines.flatMap((each) => [one.take(each.subarray(0, 1)), one.take(each.subarray(1))]);
      const apart = Buffer.concat([...taken, one.end()]).toString('latin1') + (one.fault?.message ?? '');
      const bytes = Buffer.concat(lines);
      assert.equal(sent(bytes, chosen, bytes.length || 1), apart);
    },
  );
  fuzz('last words', fc.tuple(file, fc.boolean(), fc.boolean()), ([bytes, isWhole, isLast]) => {
    let words: Buffer | undefined;
    try {
      words = wordsOf(bytes, { isWhole, isLast });
    } catch (error) {
      assert.match(String(error), /unsupported log format|unexpected stream type/);
      return;
    }
    assert.ok((words?.length ?? 0) <= 2048);
    assert.ok(words !== undefined || !isLast);
  });
});
