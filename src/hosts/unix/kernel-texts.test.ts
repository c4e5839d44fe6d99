import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, describe, it } from 'node:test';
import { kernelText, longKernelText } from './kernel-texts.ts';

const folder = mkdtempSync(`${tmpdir()}/farlet-kernel-`);
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Only root may mount, and in a namespace of its own nobody else sees it. */
const mayMount = process.getuid?.() === 0;

describe('texts of the kernel', () => {
  it('are whole, and those of now', async () => {
    assert.equal(
      await kernelText('/proc/sys/kernel/pid_max'),
      readFileSync('/proc/sys/kernel/pid_max', 'utf8'),
    );
    assert.match((await kernelText('/proc/meminfo')) ?? '', /^MemTotal: [^]*\nInactive\(file\): [^]*kB\n$/);
    // the last field is the latest process's
    const before = await kernelText('/proc/loadavg');
    execFileSync('true');
    assert.notEqual(await kernelText('/proc/loadavg'), before);
  });

  it('are whole though they are long, and leave the loop free meanwhile', async () => {
    const path = '/proc/kallsyms';
    const mountinfo = '/proc/self/mountinfo';
    assert.equal(String(await longKernelText(mountinfo)), readFileSync(mountinfo, 'utf8'));
    let turns = 0;
    const counted = setInterval(() => (turns += 1), 0);
    const text = await longKernelText(path);
    clearInterval(counted);
    assert.ok(text?.equals(readFileSync(path)));
    assert.ok(turns > 1, `${turns} turns of the loop`);
    assert.equal(await longKernelText(`${folder}/none`).catch(() => 'none'), 'none');
    assert.equal(await longKernelText(import.meta.filename), undefined);
  });

  it('are none of other files', async () => {
    assert.equal(await kernelText('/proc/cpuinfo'), undefined);
    assert.equal(await kernelText(`${folder}/meminfo`), undefined);
  });

  it('are not taken from what somebody has mounted there', { skip: !mayMount }, () => {
    writeFileSync(`${folder}/other`, '1 2 3\n');
    const look = `import(${JSON.stringify(new URL('kernel-texts.ts', import.meta.url).href)})
      .then(({ kernelText }) => Promise.all(['loadavg', 'meminfo'].map((name) => kernelText('/proc/' + name))))
      .then((texts) => console.log(texts.map((text) => typeof text).join()))`;
    const script = 'mount --bind "$1" /proc/loadavg && exec "$2" --input-type=module --eval "$3"';
    const args = ['--mount', 'sh', '-c', script, 'sh', `${folder}/other`, process.execPath, look];
    assert.equal(execFileSync('unshare', args, { encoding: 'utf8' }).trim(), 'undefined,string');
  });
});
