import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseLogQuery, type LogQuery } from './log-query.ts';

const NOW = 1_000_000;
const none: LogQuery = {
  follow: false,
  previous: false,
  timestamps: false,
  tailLines: undefined,
  limitBytes: undefined,
  since: undefined,
  stream: undefined,
};

describe('log query', () => {
  const rows: [string, Partial<LogQuery> | 400 | 422][] = [
    ['', {}],
    ['follow=true&previous=1&timestamps', { follow: true, previous: true, timestamps: true }],
    ['follow=false&previous=0&timestamps=FALSE', {}],
    ['tailLines=5&limitBytes=7', { tailLines: 5, limitBytes: 7 }],
    ['tailLines=0', { tailLines: 0 }],
    [`tailLines=%2B${'0'.repeat(30)}7`, { tailLines: 7 }],
    ['tail=3', { tailLines: 3 }],
    ['tail=all&tailLines=2', {}],
    ['tail=&tailLines=2', { tailLines: 2 }],
    ['sinceSeconds=10', { since: { seconds: 990, nanos: 0 } }],
    ['sinceTime=1970-01-01T00:00:01Z', { since: { seconds: 1, nanos: 0 } }],
    ['sinceTime=1970-01-01T01:00:01.5%2B01:00', { since: { seconds: 1, nanos: 500_000_000 } }],
    ['sinceTime=1970-01-01T0:00:01,000000001Z', { since: { seconds: 1, nanos: 1 } }],
    ['sinceTime=2026-02-29T00:00:00Z', 400],
    ['sinceTime=', {}],
    ['sinceSeconds=9223372036854775807', { since: { seconds: -9_223_372_036_854_774_784, nanos: 0 } }],
    ['stream=Stdout', { stream: 'Stdout' }],
    ['stream=All&tailLines=1', { stream: 'All', tailLines: 1 }],
    ['stream=Foo', 422],
    ['stream=Stderr&tailLines=1', 422],
    ['tailLines=-1', 422],
    ['limitBytes=0', 422],
    ['sinceSeconds=0', 422],
    ['sinceSeconds=5&sinceTime=2020-01-01T00:00:00Z', 422],
    ['tailLines=x', 400],
    ['tailLines=', 400],
    ['tailLines=9223372036854775808', 400],
    ['sinceTime=bad', 400],
    ['sinceTime=2020', 400],
  ];
  for (const [text, expect] of rows)
    it(text || 'nothing', () => {
      const parsed = parseLogQuery(new URLSearchParams(text), NOW);
      if (typeof expect === 'number') assert.equal(parsed.ok ? 200 : parsed.code, expect);
      else assert.deepEqual(parsed, { ok: true, query: { ...none, ...expect } });
    });
});
