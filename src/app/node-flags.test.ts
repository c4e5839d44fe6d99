import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { it } from 'node:test';
import { flagsForMany, forFewHosts } from './node-flags.ts';

const starting = (mib: number): readonly string[] => [
  '--heap-growing-percent=50',
  '--max-semi-space-size=16',
  `--initial-old-space-size=${String(mib)}`,
];
const many = starting(160);
const cases: [
  name: string,
  hosts: number,
  flags: readonly string[],
  expect: readonly string[] | undefined,
][] = [
  ['a few hosts keep what they have', 7, forFewHosts, undefined],
  ['many hosts have more room for what soon dies', 8, forFewHosts, starting(64)],
  ['and as large a heap as they will need', 60, forFewHosts, starting(96)],
  ['within bounds', 1_000, forFewHosts, starting(256)],
  ['what somebody added stays', 100, [...forFewHosts, '--cpu-prof'], [...many, '--cpu-prof']],
  ['without the launcher’s flags nothing is changed', 100, ['--cpu-prof'], undefined],
  ['nor a second time', 100, many, undefined],
];

for (const [name, hosts, flags, expect] of cases)
  it(name, () => {
    assert.deepEqual(flagsForMany(hosts, { flags, version: '22.19.0', cores: 8 }), expect);
  });

it('this Node starts with them', () => {
  const version = process.versions.node;
  const flags = [...forFewHosts, ...(flagsForMany(100, { flags: forFewHosts, version, cores: 2 }) ?? [])];
  assert.equal(execFileSync(process.execPath, [...flags, '-p', '1'], { encoding: 'utf8' }), '1\n');
});

it('what not every Node knows is for those that do', () => {
  const flags = flagsForMany(100, { flags: forFewHosts, version: '24.21.0', cores: 8 });
  assert.deepEqual(flags, [...many, '--external-memory-accounted-in-global-limit']);
});

for (const [cores, threads] of [
  [1, 1],
  [2, 1],
  [4, 3],
  [5, undefined],
] as const)
  it(`the collector has ${threads ?? "Node's own"} threads beside the loop on ${cores} cores`, () => {
    const flags = flagsForMany(100, { flags: forFewHosts, version: '22.19.0', cores });
    assert.deepEqual(flags, [...many, ...(threads === undefined ? [] : [`--v8-pool-size=${threads}`])]);
  });
