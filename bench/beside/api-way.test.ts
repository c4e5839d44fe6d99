import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseTraffic } from './api-way.ts';

const saved = `*mangle
:OUTPUT ACCEPT [1:2]
[12:100632] -A OUTPUT -p tcp -m conntrack --ctorigdstport 21987 --ctdir ORIGINAL
[11:300580] -A OUTPUT -p tcp -m conntrack --ctorigdstport 21987 --ctdir REPLY
[1:52] -A OUTPUT -p tcp -m conntrack --ctorigdstport 2198 --ctdir ORIGINAL
COMMIT
`;

it('bytes to and from the API server are those of the port alone', () => {
  assert.deepEqual(parseTraffic(saved, 21987), { sent: 100632, received: 300580 });
});

it('a rule that someone took away is no traffic of 0', () => {
  assert.throws(() => parseTraffic(saved, 2198), /port 2198 \(REPLY\) is gone/);
});
