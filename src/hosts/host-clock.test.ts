import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clockOffsetMs, readClockOffset } from './host-clock.ts';

const now = 1_700_000_100_000;
const stat = (seconds: number): string => `cpu  1 2 3\nintr 5 0\nbtime ${String(seconds)}\nprocesses 7\n`;
const booted = 1_700_000_000;

describe("a host's clock", () => {
  const rows: [name: string, of: { stat?: string; uptime?: string; known?: number }, offset: number][] = [
    ['is ours within a few seconds', { uptime: '103.21 1.0' }, 0],
    ['is an hour ahead', { stat: stat(booted + 3600) }, 3_600_000],
    ['is an hour behind', { stat: stat(booted - 3600) }, -3_600_000],
    ['does not waver with what is measured', { stat: stat(booted + 3603), known: 3_600_000 }, 3_600_000],
    ['has been set', { stat: stat(booted), known: 3_600_000 }, 0],
    ['is what it was where nothing tells', { stat: 'cpu 1\n', known: 42_000 }, 42_000],
    ['is what it was where the uptime is none', { uptime: '', known: 42_000 }, 42_000],
  ];
  for (const [name, { known = 0, ...of }, offset] of rows)
    it(name, () => {
      assert.equal(clockOffsetMs({ stat: stat(booted), uptime: '100.00 12.5', now, known, ...of }), offset);
    });

  it('is compared with ours half way between question and answer', async () => {
    const times = [now - 40_000, now + 40_000];
    const texts: Record<string, string> = { '/proc/stat': stat(booted + 60), '/proc/uptime': '100.00 12.5' };
    const files = { readFile: (path: string) => Promise.resolve(Buffer.from(texts[path] ?? '')) };
    const clock = { now: () => times.shift() ?? 0 };
    const { signal } = new AbortController();
    assert.equal(await readClockOffset(files, { clock, known: 0, signal }), 60_000);
  });
});
