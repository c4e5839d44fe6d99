/**
 * Anything in the API server's place may answer anything: that is a failed call, never a crash and never a
 * success.
 */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import fc from 'fast-check';
import { KubeError } from '../model/errors.ts';
import { pod } from '../testing/fixtures.ts';
import { fuzz } from '../testing/fuzz.ts';
import { answerForm, type AnswerForm } from './answer-form.ts';
import { decodeAnswer } from './answers.ts';
import { statusError, watchError } from './errors.ts';
import { parseCredential } from './exec-credentials.ts';
import { jsonLines } from './json-lines.ts';
import { paths } from './paths.ts';
import { compareVersions } from './versions.ts';
import { decodeWatchLine } from './watch-lines.ts';

const calls: [method: string, path: string][] = [
  ['GET', paths.pods],
  ['GET', paths.pod('default', 'web')],
  ['PATCH', paths.podStatus('default', 'web')],
  ['DELETE', paths.pod('default', 'web')],
  ['POST', paths.podEviction('default', 'web')],
  ['PUT', paths.lease('n')],
  ['POST', paths.tokenReviews],
  ['POST', paths.subjectAccessReviews],
  ['POST', paths.token('default', 'default')],
  ['GET', '/version'],
];
const forms = calls.map(([method, path]) => answerForm(method, path));

/** Words that mean something here, among words that don't. */
const word = fc.oneof(
  fc.constantFrom(
    'Pod',
    'PodList',
    'Status',
    'v1',
    'Success',
    'Failure',
    'TokenReview',
    'ERROR',
    'ADDED',
    '',
    '__proto__',
  ),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
);
const key = fc.constantFrom(
  ...[
    'kind',
    'apiVersion',
    'metadata',
    'items',
    'status',
    'spec',
    'containers',
    'name',
    'uid',
    'namespace',
    'user',
  ],
  ...[
    'authenticated',
    'allowed',
    'token',
    'type',
    'object',
    'code',
    'details',
    'resourceVersion',
    '__proto__',
    'toString',
  ],
);
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    word,
    fc.constantFrom(null, true, false, 0, -1, 1e300),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 6 }),
  ),
})).value;
const body = fc.oneof(
  json.map((value) => JSON.stringify(value)),
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.constantFrom('', '\n', 'null', '[]', '{}', '<html></html>', '{"items":', '"', '\ufeff{}'),
  fc.nat({ max: 5_000 }).map((depth) => '['.repeat(depth)),
);

/** What a decoder may throw: an error that is no verdict on any object. */
function onlyFailedCalls(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof KubeError, String(error));
    assert.equal(error.kind, 'unavailable');
    assert.ok(error.message.length < 1_000, `${error.message.length} characters`);
  }
}

describe('answers of the API server', () => {
  fuzz('answers to calls', fc.tuple(fc.constantFrom<AnswerForm>(...forms), body), ([form, text]) => {
    onlyFailedCalls(() => decodeAnswer(form, text));
  });

  const change = fc.record({ path: fc.array(key, { minLength: 1, maxLength: 3 }), value: json });
  fuzz(
    'a list that is changed somewhere has pods that are whole, or is none',
    fc.array(change),
    (changes) => {
      const list: Record<string, unknown> = {
        ...{ kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: '1' } },
        items: [structuredClone(pod()), structuredClone(pod())],
      };
      for (const { path, value } of changes) changeAt(list, path, structuredClone(value));
      onlyFailedCalls(() => {
        const { items } = decodeAnswer(answerForm('GET', paths.pods), JSON.stringify(list)) as {
          items: unknown[];
        };
        for (const item of items) {
          const { metadata, spec } = item as ReturnType<typeof pod>;
          assert.ok(metadata.uid !== '' && metadata.name !== '' && metadata.namespace !== '');
          for (const { name } of spec.containers) assert.equal(typeof name, 'string');
        }
      });
    },
  );

  fuzz(
    'refusals',
    fc.tuple(fc.integer({ min: 0, max: 999 }), body, fc.option(word)),
    ([code, text, after]) => {
      const error = statusError(code, text, after === null ? {} : { 'retry-after': after });
      assert.ok(error.message.length <= 11_000, `${error.message.length} characters`);
      assert.ok(
        error.retryAfterMs === undefined || (error.retryAfterMs >= 0 && error.retryAfterMs <= 60_000),
      );
      // that an object is not there, or in the way, is for the API server alone to say
      if (['not-found', 'conflict', 'gone', 'already-exists', 'invalid'].includes(error.kind))
        assert.match(text, /Status/);
    },
  );

  const form = answerForm('GET', paths.pods);
  assert.ok(form.is === 'list');
  fuzz('lines of watches', json, (line) => {
    try {
      const { version } = decodeWatchLine(form, line);
      assert.ok(version !== '');
    } catch (error) {
      assert.ok(error instanceof KubeError, String(error));
    }
  });
  fuzz('errors that watches send', json, (status) => watchError(status));

  fuzz(
    'bytes of watches, however they are cut',
    fc.tuple(
      fc.uint8Array({ maxLength: 2_000 }),
      fc.array(json, { maxLength: 5 }),
      fc.array(fc.nat({ max: 50 })),
    ),
    async ([junk, values, cuts]) => {
      const lines = values.map((value) => `${JSON.stringify(value)}\n`).join('');
      assert.deepEqual(await linesOf(cut(Buffer.from(lines), cuts)), JSON.parse(JSON.stringify(values)));
      await linesOf(cut(Buffer.from(junk), cuts)).catch((error: unknown) => {
        assert.ok(error instanceof KubeError, String(error));
      });
    },
  );

  fuzz('what credential plugins print', body, (text) => {
    try {
      const { token, cert } = parseCredential({ apiVersion: 'client.authentication.k8s.io/v1' }, text);
      assert.ok(token !== undefined || cert !== undefined);
    } catch (error) {
      assert.ok(error instanceof Error && !(error instanceof TypeError), String(error));
    }
  });

  fuzz(
    'versions are ordered as the numbers that they are',
    fc.tuple(fc.bigInt({ min: 1n, max: 10n ** 40n }), fc.bigInt({ min: 1n, max: 10n ** 40n })),
    ([a, b]) => {
      const order = compareVersions(String(a), String(b)) ?? Number.NaN;
      assert.equal(Math.sign(order), a < b ? -1 : a > b ? 1 : 0);
    },
  );
});

function changeAt(at: object, path: readonly string[], value: unknown): void {
  const [first = '', ...rest] = path;
  const inner: unknown = Object.hasOwn(at, first) ? (at as Record<string, unknown>)[first] : undefined;
  if (rest.length === 0 || typeof inner !== 'object' || inner === null)
    Object.defineProperty(at, first, { value, writable: true, enumerable: true, configurable: true });
  else
    for (const each of Array.isArray(inner) ? inner.filter(isObject) : [inner]) changeAt(each, rest, value);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

async function* cut(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer, void, void> {
  let at = 0;
  for (const length of cuts) {
    await Promise.resolve();
    yield bytes.subarray(at, at + length);
    at += length;
  }
  yield bytes.subarray(at);
}

async function linesOf(chunks: AsyncIterable<Buffer>): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const value of jsonLines(chunks)) values.push(value);
  return values;
}
