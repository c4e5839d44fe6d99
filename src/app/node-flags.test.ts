import assert from 'node:assert/strict';
import { it } from 'node:test';
import { flagsForMany, forFewHosts } from './node-flags.ts';

const cases: [
  name: string,
  hosts: number,
  flags: readonly string[],
  expect: readonly string[] | undefined,
][] = [
  ['a few hosts keep what they have', 7, forFewHosts, undefined],
  ['many hosts have V8’s own pace', 8, forFewHosts, ['--max-semi-space-size=16']],
  [
    'what somebody added stays',
    100,
    [...forFewHosts, '--cpu-prof'],
    ['--max-semi-space-size=16', '--cpu-prof'],
  ],
  ['without the launcher’s flags nothing is changed', 100, ['--cpu-prof'], undefined],
  ['nor a second time', 100, ['--max-semi-space-size=16'], undefined],
];

for (const [name, hosts, flags, expect] of cases)
  it(name, () => {
    assert.deepEqual(flagsForMany(hosts, flags), expect);
  });
