import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ErrorKind } from '../model/errors.ts';
import { statusError, waitAfter, watchError } from './errors.ts';

const failure = (reason: string, more: object = {}): string =>
  JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', message: 'm', reason, ...more });

describe('a refusal', () => {
  const rows: [name: string, code: number, body: string, kind: ErrorKind][] = [
    ['not found', 404, failure('NotFound'), 'not-found'],
    ['in the way', 409, failure('AlreadyExists'), 'already-exists'],
    ['changed meanwhile', 409, failure('Conflict'), 'conflict'],
    ['expired', 410, failure('Expired'), 'gone'],
    ['invalid', 422, failure('Invalid'), 'invalid'],
    // who answers in the API server's place knows of no object
    ['a page that was not found', 404, '<html>404</html>', 'unavailable'],
    ['the server’s own words for a path it does not serve', 404, '404 page not found', 'unavailable'],
    ['a success that is none', 404, JSON.stringify({ kind: 'Status', status: 'Success' }), 'unavailable'],
    ['gone, says a proxy', 410, '', 'unavailable'],
    ['a conflict, says a proxy', 409, '{}', 'unavailable'],
    ['a redirect', 302, '', 'unavailable'],
    ['no content', 204, '', 'unavailable'],
    ['unchanged', 304, '', 'unavailable'],
    ['too many, as plain text', 429, 'Too many requests', 'resource-exhausted'],
    ['no credentials, in any words', 401, 'Unauthorized', 'unauthenticated'],
    ['a gateway’s fault', 502, '<html>', 'unavailable'],
  ];
  for (const [name, code, body, kind] of rows)
    it(`${String(code)}, ${name}: ${kind}`, () => {
      assert.equal(statusError(code, body).kind, kind);
    });

  it('says where a redirect leads to', () => {
    assert.match(statusError(302, '', { location: 'https://login/' }).message, /leads to https:\/\/login\//);
  });
});

describe('what a server that is busy asks for', () => {
  const rows: [header: string | undefined, details: object, ms: number | undefined][] = [
    ['3', {}, 3_000],
    [undefined, { retryAfterSeconds: 2 }, 2_000],
    ['999999', {}, 60_000],
    ['-1', {}, undefined],
    ['1e9', {}, undefined],
    ['soon', {}, undefined],
    [undefined, { retryAfterSeconds: 'x' }, undefined],
  ];
  for (const [header, details, ms] of rows)
    it(`${String(header)} ${JSON.stringify(details)}: ${String(ms)}`, () => {
      const error = statusError(503, failure('ServiceUnavailable', { details }), { 'retry-after': header });
      assert.equal(error.retryAfterMs, ms);
      assert.equal(waitAfter(error, 500), Math.max(500, ms ?? 0));
    });

  it('nothing where it refuses for good', () => {
    assert.equal(statusError(404, failure('NotFound'), { 'retry-after': '3' }).retryAfterMs, undefined);
  });
});

it('an error that a watch sends is of its code', () => {
  const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 410, reason: 'Expired' };
  assert.equal(watchError(status).kind, 'gone');
  assert.equal(watchError({}).kind, 'internal');
});
