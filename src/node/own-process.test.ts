import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { isOver, ownProcess, startOf } from './own-process.ts';

describe('the process that ran a node', () => {
  const self = ownProcess(undefined);

  it('has a name that no other start has', () => {
    assert.notEqual(ownProcess(undefined).name, self.name);
  });

  it('in the same pod is over: a pod has one at a time', () => {
    const [before, after] = [ownProcess('uid-a'), ownProcess('uid-a')];
    assert.equal(isOver(before.process, after), true);
    assert.equal(isOver(after.process, after), false, 'itself');
    assert.equal(isOver(before.process, ownProcess('uid-b')), false, 'another pod');
    assert.equal(isOver(before.process, self), false, 'no pod');
  });

  it('is not known to be over where nothing is told', () => {
    for (const text of ['', 'odd', 'pod:', 'proc:', 'proc:::::', 'proc:a:b:c:d:e', `proc:${'9'.repeat(999)}`])
      assert.equal(isOver(text, self), false, text);
  });

  it('on this machine is over when it has ended, or booted', { skip: self.process === '' }, async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(child, 'spawn');
    const started = startOf(readFileSync(`/proc/${String(child.pid)}/stat`, 'utf8'))?.ticks ?? '';
    const [, , boot = '', namespace = ''] = self.process.split(':');
    const place = (
      change: { machine?: string; boot?: string; namespace?: string; started?: string } = {},
    ): string =>
      [
        'proc',
        change.machine ?? 'ab',
        change.boot ?? boot,
        change.namespace ?? namespace,
        String(child.pid),
        change.started ?? started,
      ].join(':');
    const here = { name: 'here', process: place().replace(`:${String(child.pid)}:`, ':1:') };
    assert.equal(isOver(place(), here), false, 'it runs');
    assert.equal(isOver(place({ started: '1' }), here), true, 'another has its pid');
    assert.equal(isOver(place({ namespace: '1', started: '1' }), here), false, 'out of sight');
    assert.equal(isOver(place({ boot: '00-00', machine: 'ab' }), here), true, 'booted since');
    assert.equal(isOver(place({ boot: '00-00', machine: 'cd' }), here), false, 'another machine');
    const nameless = { ...here, process: here.process.replace(':ab:', '::') };
    assert.equal(isOver(place({ boot: '00-00', machine: '' }), nameless), false, 'machines without a name');
    child.kill('SIGSTOP');
    assert.equal(isOver(place(), here), false, 'it is stopped');
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(isOver(place(), here), true, 'it has ended');
  });

  it('tells when it started, whatever its name', () => {
    const rest = 'S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 12345 20';
    assert.deepEqual(startOf(`7 (a) b (c) ${rest}`), { state: 'S', ticks: '12345' });
    assert.equal(startOf(''), undefined);
  });
});
