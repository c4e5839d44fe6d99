import assert from 'node:assert/strict';
import { it } from 'node:test';
import { linkText } from './link-report.ts';

it('what grows with the distance is told in round trips', () => {
  const at = (delayMs: number, trips: number): Parameters<typeof linkText>[0]['delays'][number] => ({
    delayMs,
    starts: [400 + 2 * delayMs * trips],
    deletes: [300 + 2 * delayMs * 4],
    bursts: [9_000, 10_000 + 25 * delayMs, 99_000],
    logLines: [10 + 2 * delayMs * 0.5],
    execLines: [5 + 2 * delayMs * 1.2],
    execStarts: [100],
    logRate: 90 - delayMs / 2,
  });
  const text = linkText({
    delays: [at(0, 5), at(20, 5), at(100, 5.2)],
    idle: { seconds: 60, messages: 6, bytes: 6000 },
  });
  const lines = text.split('\n').map((line) => line.replace(/ {2,}/g, ' | '));
  assert.deepEqual(
    lines.filter((line) => line.includes('→') || line.startsWith('over') || line.startsWith('MB/s')),
    [
      'watch event → Ready | 400 | 600 (5.0) | 1440 (5.2) | ≤ 5 | NOT MET',
      'delete → gone | 300 | 460 (4.0) | 1100 (4.0) | ≤ 4 | met',
      'a log line, written → read | 10 | 30 (0.5) | 110 (0.5) | ≤ 1 | met',
      'exec output, written → read | 5 | 53 (1.2) | 245 (1.2) | ≤ 1 | NOT MET',
      'exec, called → first output | 100 | 100 (0.0) | 100 (0.0)',
      'burst of 40 → all Ready | 10.0 | 10.5 (1.05) | 12.5 (1.25) | ≤ 1.3 | met',
      'MB/s | 90 | 80 | 40',
      'over 60 s | 1.0 | 1000 | ≤ 1 message | met',
    ],
  );
});
