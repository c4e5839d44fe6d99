import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { hostileBytes, fuzz } from '../../testing/fuzz.ts';
import { checkedTarget, isHostName, TargetError } from './dial-target.ts';
import { dialCommand } from '../tcp/helper-dial.ts';
import { dialError, hostPort } from './net-errors.ts';
import { unixLink } from '../unix/unix-link.ts';

/** Hosts that are options, patterns or code to whatever program they might reach. */
const hostile = [
  '-le/proc/1/root/tmp/evil',
  '-lo/proc/1/root/tmp/owned',
  '-l',
  '--',
  '-',
  '-e.example',
  'a.-b.example',
  '$(reboot)',
  '`reboot`',
  'a b',
  'a;b',
  'a\nb',
  'a\0b',
  '*',
  '..',
  '/etc/passwd',
  '1.2.3',
  '2130706433',
  '0x7f.1',
  '010.0.0.1',
  '',
  'é.example',
  'a'.repeat(64),
  `${'a.'.repeat(127)}aa`,
];

describe('a host to dial', () => {
  for (const host of ['10.0.0.7', '::1', 'fe80::1%eth0', 'localhost', 'a_b.example', 'x-1.example.', '1a'])
    it(`may be ${host}`, () => {
      assert.deepEqual(checkedTarget('box', { host, port: 80 }), { host, port: 80 });
    });

  for (const host of hostile)
    it(`can't be ${JSON.stringify(host.slice(0, 40))}: no link dials it, and it fails as a kubelet's dial does`, async () => {
      const link = unixLink({ name: 'box', endpoint: 'unix:///run/x.sock' });
      const { signal } = new AbortController();
      await assert.rejects(link.dial({ host, port: 80 }, { signal }), (error) => {
        assert.ok(error instanceof TargetError);
        assert.equal(dialError(hostPort(host, 80), error), `dial tcp: lookup ${host}: no such host`);
        return true;
      });
    });

  const malformed: [host: string, problem: string][] = [
    ['[::1]', 'missing port in address'],
    ['::1]:2', 'too many colons in address'],
    ['[::1', "unexpected '[' in address"],
    ['[x', "missing ']' in address"],
    ['x[', "unexpected '[' in address"],
    ['x]', "unexpected ']' in address"],
  ];
  for (const [host, problem] of malformed)
    it(`can't be ${host}: with its port it is no address`, () => {
      assert.throws(
        () => checkedTarget('box', { host, port: 80 }),
        (error) => {
          const address = hostPort(host, 80);
          assert.equal(dialError(address, error), `dial tcp: address ${address}: ${problem}`);
          return error instanceof TargetError;
        },
      );
    });

  for (const port of [0, -1, 65_536, 1.5, NaN])
    it(`can't have port ${String(port)}`, () => {
      assert.throws(() => checkedTarget('box', { host: '10.0.0.7', port }), TargetError);
    });

  fuzz('names of hosts', fc.oneof(hostileBytes(300).map(String), fc.domain()), (name) => {
    if (isHostName(name)) assert.match(name, /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/);
  });
});

describe('a dial by way of the helper', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(`${tmpdir()}/farlet-dial-`);
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  /**
   * What nc got as arguments, and what was said, when the script ran with these programs in the place of the
   * helper's.
   */
  function run(host: string, programs: Record<string, string>): { asked: string[]; said: string } {
    for (const [name, body] of Object.entries(programs)) {
      writeFileSync(`${folder}/${name}`, `#!/bin/sh\n${body}\n`);
      chmodSync(`${folder}/${name}`, 0o755);
    }
    const [shell = '', ...args] = dialCommand({ host, port: 80 });
    // the script ends everything of its session
    const { stderr } = spawnSync('setsid', ['-w', shell, ...args], {
      env: { ...process.env, PATH: `${folder}:${process.env.PATH ?? ''}`, OUT: `${folder}/asked` },
      input: '0\n',
    });
    let asked: string[] = [];
    try {
      asked = readFileSync(`${folder}/asked`, 'utf8').trim().split('\n');
    } catch {
      // nobody was asked
    }
    return { asked, said: stderr.toString().trim() };
  }

  const refusing = `echo "$*" >>"$OUT"; echo "nc: can't connect to remote host ($2): Connection refused" >&2; exit 1`;
  const lookingUp = (answer: string): string => `while [ "$1" != -- ]; do shift; done; ${answer}`;

  it('gives nc an address behind the end of options, and passes on what it says', () => {
    const { asked, said } = run('10.0.0.7', { nc: refusing });
    assert.deepEqual(asked, ['-- 10.0.0.7 80']);
    assert.match(said, /^dial\nnc: can't connect to remote host \(10\.0\.0\.7\): Connection refused$/);
  });

  it('lets the host look a name up, and tries its addresses in turn', () => {
    const answer = `printf '::1 STREAM x\\n::1 DGRAM\\n127.0.0.1 STREAM\\n-evil STREAM\\n'`;
    const { asked } = run('box.example', { nc: refusing, nsenter: lookingUp(answer) });
    assert.deepEqual(asked, ['-- ::1 80', '-- 127.0.0.1 80']);
  });

  it('tells a name that the host does not know from a host that can not be asked', () => {
    const unknown = run('box.example', { nc: refusing, nsenter: lookingUp('exit 2') });
    assert.deepEqual(unknown, { asked: [], said: 'nc: no such host' });
    const broken = run('box.example', { nc: refusing, nsenter: 'echo "nsenter: no" >&2; exit 1' });
    assert.deepEqual(broken, { asked: [], said: 'nsenter: no' });
  });

  it('never makes the target part of the script', () => {
    const [shell, option, script = '', name, ...args] = dialCommand({ host: 'reboot.example', port: 1 });
    assert.deepEqual([shell, option, name, args], ['sh', '-c', 'sh', ['', '1', 'reboot.example']]);
    assert.ok(!script.includes('reboot'));
  });
});
