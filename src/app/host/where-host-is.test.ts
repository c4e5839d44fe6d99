import assert from 'node:assert/strict';
import { it } from 'node:test';
import { whereHostIs, type OwnPlace } from './where-host-is.ts';

const here: OwnPlace = { nodeIPs: ['192.0.2.1'], nodeIP: undefined, hostIP: undefined };
const inPod: OwnPlace = { ...here, hostIP: '198.51.100.1' };
const unix = 'unix:///run/containerd/containerd.sock';

const cases: readonly [
  name: string,
  host: Parameters<typeof whereHostIs>[0],
  place: OwnPlace,
  addresses: readonly string[],
  fallbackAddresses: readonly string[],
][] = [
  ['this machine tells', { endpoint: unix }, here, [], ['192.0.2.1']],
  ['that of farlet\u2019s pod', { endpoint: unix }, inPod, ['198.51.100.1'], ['192.0.2.1']],
  ['as configured', { endpoint: unix, address: ['::1'] }, inPod, ['::1'], ['192.0.2.1']],
  ['far, by address', { endpoint: 'ssh://root@203.0.113.5:22/s' }, inPod, [], ['203.0.113.5']],
  ['far, by IPv6 address', { endpoint: 'tcp://[2001:db8::5]:10010' }, here, [], ['2001:db8::5']],
  ['far, by name', { endpoint: 'ssh://root@box.example:22/s' }, inPod, [], ['192.0.2.1']],
];

for (const [name, host, place, addresses, fallbackAddresses] of cases)
  it(name, () => {
    assert.deepEqual(whereHostIs(host, place), { addresses, fallbackAddresses, families: [4, 6] });
  });

it('a node that is given its address has no other family', () => {
  const { families } = whereHostIs({ endpoint: unix }, { ...here, nodeIP: ['2001:db8::1'] });
  assert.deepEqual(families, [6]);
});
