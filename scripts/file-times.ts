// A test reporter: the files that took longest, once all have run. What a change waits for is these.
import { basename } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

const SHOWN = 12;

/** Yields one line for each of the slowest files, in seconds, the slowest first. */
// eslint-disable-next-line no-restricted-exports
export default async function* fileTimes(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files: { file: string; seconds: number }[] = [];
  for await (const event of events) {
    if (event.type !== 'test:summary' || event.data.file === undefined) continue;
    files.push({ file: basename(event.data.file), seconds: event.data.duration_ms / 1000 });
  }
  files.sort((a, b) => b.seconds - a.seconds);
  for (const { file, seconds } of files.slice(0, SHOWN))
    yield `${seconds.toFixed(0).padStart(5)} s  ${file}\n`;
}
