import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, describe, it } from 'node:test';
import type { HostFiles } from '../hosts/link.ts';
import { LocalFiles } from '../hosts/local-files.ts';
import { readContainerLog } from './logs.ts';

const folder = mkdtempSync(`${tmpdir()}/farlet-logs-`);
const files = new LocalFiles({ host: 'box' });
const { signal } = new AbortController();
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
const options = {
  follow: true,
  tailLines: undefined,
  limitBytes: undefined,
  since: undefined,
  timestamps: false,
};
const line = (text: string): string => `2026-01-01T00:00:00Z stdout F ${text}\n`;

describe('following a log through its rotation', () => {
  it('neither loses nor doubles what the old file still gets', async () => {
    const path = `${folder}/0.log`;
    writeFileSync(path, line('one'));
    let running = true;
    const clock = {
      // the runtime's last words come while the follower lets the old file settle
      sleep: () => {
        appendFileSync(`${path}.1`, line('three'));
        running = false;
        return Promise.resolve();
      },
    };
    const seen: string[] = [];
    for await (const piece of readContainerLog(
      { files, path, options, isRunning: () => running, clock },
      { signal },
    )) {
      seen.push(piece.toString().trim());
      if (seen.length > 1) continue;
      renameSync(path, `${path}.1`);
      appendFileSync(`${path}.1`, line('two'));
      writeFileSync(path, line('four'));
    }
    assert.deepEqual(seen, ['one', 'two', 'three', 'four']);
  });

  it('ends its watch, however it ends itself', async () => {
    const path = `${folder}/watched.log`;
    writeFileSync(path, line('one'));
    let watching = 0;
    const watched = {
      open: files.open.bind(files),
      async *changes() {
        watching += 1;
        try {
          for (;;) {
            await Promise.resolve();
            appendFileSync(path, line('more'));
            yield;
          }
        } finally {
          watching -= 1;
        }
      },
    } as unknown as HostFiles;
    const seen: string[] = [];
    for await (const piece of readContainerLog(
      { files: watched, path, options, isRunning: () => true },
      { signal },
    )) {
      seen.push(piece.toString().trim());
      if (seen.length === 3) break;
    }
    assert.deepEqual([seen, watching], [['one', 'more', 'more'], 0]);
  });
});
