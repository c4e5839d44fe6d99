import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FileOp } from '../../hosts/link/link.ts';
import type { ObservedContainer } from '../../model/runtime-state.ts';
import { criFault, FakeCri, FakeFiles } from '../../testing/fake-host.ts';
import { container, FakeClock, quietLog } from '../../testing/fixtures.ts';
import { planRotation } from './log-rotation.ts';
import { LogRotator } from './log-rotator.ts';

const { signal } = new AbortController();
const folder = '/logs/ns_p_u/c';
const path = `${folder}/0.log`;
const now = Date.UTC(2026, 10, 24, 1, 2, 3, 999);

function text(op: FileOp): string {
  return `${op.op} ${op.op === 'rename' ? `${op.from} > ${op.to}` : op.path}`.replaceAll(`${folder}/`, '');
}

describe('the plan of a rotation', () => {
  const aside = 'rename 0.log > 0.log.20261124-010203';
  const rows: { name: string; files: string[]; maxFiles?: number; expect: string[] }[] = [
    { name: 'the first time only sets the log aside', files: ['0.log'], expect: [aside] },
    {
      name: 'the one set aside before is compressed',
      files: ['0.log', '0.log.20260101-000000'],
      expect: ['gzip 0.log.20260101-000000', aside],
    },
    {
      name: 'the oldest beyond maxFiles - 2 go',
      files: ['0.log', '0.log.4', '0.log.1.gz', '0.log.3.gz', '0.log.2.gz'],
      expect: ['remove 0.log.1.gz', 'gzip 0.log.4', aside],
    },
    {
      name: 'with two files all older ones go',
      files: ['0.log', '0.log.1.gz', '0.log.2'],
      maxFiles: 2,
      expect: ['remove 0.log.1.gz', 'remove 0.log.2', aside],
    },
    {
      name: 'what broke off is taken away and does not count',
      files: ['0.log', '0.log.1', '0.log.1.gz', '0.log.2', '0.log.2.tmp'],
      expect: ['remove 0.log.1', 'remove 0.log.2.tmp', 'gzip 0.log.2', aside],
    },
    { name: 'other attempts are left alone', files: ['0.log', '10.log', '10.log.1'], expect: [aside] },
  ];
  for (const { name, files, maxFiles = 5, expect } of rows)
    it(name, () => {
      const { ops, undo } = planRotation(path, { files, maxFiles, now });
      assert.deepEqual(ops.map(text), expect);
      assert.equal(text(undo), 'rename 0.log.20261124-010203 > 0.log');
    });
});

function setUp(answers: ConstructorParameters<typeof FakeCri>[0] = {}) {
  const cri = new FakeCri(answers);
  const files = new FakeFiles();
  files.folders.set(folder, ['0.log']);
  const containers = [
    container({ id: 'c2', logPath: path }),
    container({ id: 'c1', logPath: `${folder}/x.log`, state: 'exited' }),
    container({ id: 'c0', logPath: '' }),
  ];
  const rotator = new LogRotator({
    cri: cri.client,
    files: files.files,
    clock: new FakeClock(now),
    log: quietLog,
    states: () => [
      { uid: 'u', name: 'p', namespace: 'ns', sandboxes: [], ips: [], observedAt: 0, containers },
    ],
    maxBytes: 100,
    maxFiles: 5,
    workers: 1,
    everyMs: 10_000,
  });
  const asked = rotator.queries();
  return { cri, files, rotator, containers, asked };
}
const sized = (size: number): object => ({ stat: { size } });

describe('the rotator', () => {
  it('looks at running containers alone, and leaves small logs alone', async () => {
    const { cri, files, rotator, asked } = setUp();
    assert.deepEqual(asked, [{ look: 'stat', path }]);
    await rotator.take([sized(99)], { signal, asked });
    assert.deepEqual([cri.names(), files.batches], [[], []]);
  });

  it('sets a large log aside, then has it begun again', async () => {
    const { cri, files, rotator, asked } = setUp();
    await rotator.take([sized(100)], { signal, asked });
    assert.deepEqual(files.batches.flat().map(text), ['rename 0.log > 0.log.20261124-010203']);
    assert.deepEqual(cri.calls, [{ method: 'reopenContainerLog', request: { container_id: 'c2' } }]);
  });

  it('gives the log its name back when the runtime does not reopen it', async () => {
    const { files, rotator, asked } = setUp({
      reopenContainerLog: () => {
        throw criFault('no');
      },
    });
    await rotator.take([sized(100)], { signal, asked });
    assert.deepEqual(files.batches.flat().map(text), [
      'rename 0.log > 0.log.20261124-010203',
      'rename 0.log.20261124-010203 > 0.log',
    ]);
  });

  it('keeps the new log of a runtime that reopened it and whose answer was lost', async () => {
    const { files, rotator, asked } = setUp({
      reopenContainerLog: () => {
        files.seen.set(`stat ${path}`, sized(1));
        throw criFault('too late', 'deadline-exceeded');
      },
    });
    await rotator.take([sized(100)], { signal, asked });
    assert.deepEqual(files.batches.flat().map(text), ['rename 0.log > 0.log.20261124-010203']);
  });

  it('has a log that is gone begun again', async () => {
    const { cri, files, rotator, asked } = setUp();
    await rotator.take([{}], { signal, asked });
    assert.deepEqual([cri.names(), files.batches], [['reopenContainerLog'], []]);
  });

  const later: {
    name: string;
    change: (containers: ObservedContainer[], files: FakeFiles) => void;
    answer: object;
  }[] = [
    {
      name: 'a log that is there after all',
      change: (_, files) => files.seen.set(`stat ${path}`, sized(1)),
      answer: {},
    },
    { name: 'a pod that has gone with its logs', change: (containers) => containers.splice(0), answer: {} },
    {
      name: 'a container that has ended',
      change: (containers) =>
        containers.splice(0, 1, container({ id: 'c2', logPath: path, state: 'exited' })),
      answer: sized(100),
    },
    {
      name: 'others that run now',
      change: (containers) => containers.splice(0, 1, container({ id: 'c3', logPath: `${folder}/1.log` })),
      answer: sized(100),
    },
  ];
  for (const { name, change, answer } of later)
    it(`leaves alone, when the answer has come, ${name}`, async () => {
      const { cri, files, rotator, containers, asked } = setUp();
      change(containers, files);
      await rotator.take([answer], { signal, asked });
      assert.deepEqual([cri.names(), files.batches], [[], []]);
    });

  it('takes an answer for the log that was asked for, whoever has begun to run meanwhile', async () => {
    const { cri, files, rotator, containers, asked } = setUp();
    containers.unshift(container({ id: 'c9', logPath: '/logs/other/0.log' }));
    rotator.queries();
    await rotator.take([sized(100)], { signal, asked });
    assert.deepEqual(cri.calls, [{ method: 'reopenContainerLog', request: { container_id: 'c2' } }]);
    assert.deepEqual(files.batches.flat().map(text), ['rename 0.log > 0.log.20261124-010203']);
  });

  it('calls nothing for a log that is gone when its container ends while it is looked for', async () => {
    const { cri, files, rotator, containers, asked } = setUp();
    const looked = rotator.take([{}], { signal, asked });
    containers.splice(0);
    await looked;
    assert.deepEqual([cri.names(), files.batches], [[], []]);
  });
});
