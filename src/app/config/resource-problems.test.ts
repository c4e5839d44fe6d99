import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError, parseConfig } from './load.ts';
import { reservations } from './reservations.ts';
import type { Config } from './schema.ts';

const base = `apiVersion: farlet.dev/v1alpha1
kind: FarletConfiguration
nodes: [{name: edge-1, hosts: [{name: box, endpoint: "unix:///run/c.sock"}]}]
`;
const parse = (more: string): Config => parseConfig(base + more, 'f.yaml');

function problems(more: string): string[] {
  try {
    parse(more);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return [...error.problems];
  }
}

describe('keys about resources', () => {
  const rows: [string, string, RegExp | undefined][] = [
    ['all as it is by default', '', undefined],
    ['what may be reserved', 'systemReserved: {cpu: 500m, memory: 1Gi, ephemeral-storage: 1Gi}', undefined],
    ['what may not', 'kubeReserved: {gpu: "1"}', /kubeReserved\.gpu: can't be reserved/],
    ['no quantity', 'systemReserved: {cpu: lots}', /systemReserved\.cpu: "lots" is no quantity/],
    ['a negative one', 'systemReserved: {cpu: "-1"}', /is no quantity/],
    [
      'pods without cgroups',
      'cgroupsPerQOS: false\nenforceNodeAllocatable: [pods]',
      /pods needs cgroupsPerQOS/,
    ],
    ['no cgroups', 'cgroupsPerQOS: false', undefined],
    ['none and more', 'enforceNodeAllocatable: [none, pods]', /none goes with nothing else/],
    ['what farlet does not enforce', 'enforceNodeAllocatable: [system-reserved]', /only pods or none/],
    ['a root that is no path', 'cgroupRoot: pods', /cgroupRoot.*must be empty or an absolute path/],
    ['static without reserved CPUs', 'cpuManagerPolicy: static', /to be greater than zero/],
    ['static with named CPUs', 'cpuManagerPolicy: static\nreservedSystemCPUs: "0"', undefined],
    ['CPUs that are no list', 'reservedSystemCPUs: first', /reservedSystemCPUs.*must be a list of CPUs/],
    [
      'an option without static',
      'cpuManagerPolicyOptions: {full-pcpus-only: "true"}',
      /needs cpuManagerPolicy: static/,
    ],
    [
      'an option that is not supported',
      'cpuManagerPolicy: static\nreservedSystemCPUs: "0"\ncpuManagerPolicyOptions: {align-by-socket: "true"}',
      /cpuManagerPolicyOptions\.align-by-socket.*unknown key/,
    ],
    ['a period out of bounds', 'cpuCFSQuotaPeriod: 2s', /cpuCFSQuotaPeriod: must be from 1ms to 1s/],
    ['sysctls of a pod', 'allowedUnsafeSysctls: ["kernel.shm*", net.core.somaxconn, "net.*"]', undefined],
    ['sysctls of the host', 'allowedUnsafeSysctls: [vm.swappiness]', /not known to be kept apart per pod/],
    ['a * in the middle', 'allowedUnsafeSysctls: ["net.*.x"]', /a \* that is not its end/],
    ['swap', 'memorySwap: {swapBehavior: LimitedSwap}', /memorySwap\.swapBehavior.*only NoSwap/],
  ];
  for (const [what, more, expected] of rows)
    it(what, () => {
      const found = problems(more);
      if (expected === undefined) assert.deepEqual(found, []);
      else assert.match(found.join('\n'), expected);
    });
});

describe('reservations', () => {
  it('add up', () => {
    const { milliCpu, system, kube } = reservations(
      parse('systemReserved: {cpu: 500m, memory: 1Gi}\nkubeReserved: {cpu: "1"}'),
    );
    assert.equal(milliCpu, 1500);
    assert.deepEqual([system, kube], [{ cpu: '500m', memory: '1Gi' }, { cpu: '1' }]);
  });
  it('of named CPUs go before those of amounts', () => {
    const { milliCpu, system, kube, cpus } = reservations(
      parse('reservedSystemCPUs: 0-1\nsystemReserved: {cpu: 500m}\nkubeReserved: {cpu: "1", memory: 1Gi}'),
    );
    assert.equal(milliCpu, 2000);
    assert.deepEqual([system, kube], [{ cpu: '2' }, { memory: '1Gi' }]);
    assert.deepEqual([...cpus], [0, 1]);
  });
});
