import assert from 'node:assert/strict';
import { it } from 'node:test';
import { configReference } from './reference.ts';

it('has every key with its default, nested keys by their path', () => {
  const text = configReference();
  assert.match(text, /^\| `clusterDomain` \| string \| `cluster\.local` \| the cluster's DNS domain \|$/m);
  assert.match(text, /^\| `nodes\[\]\.name` \| string \| \*\*required\*\* \| name of the Node \|$/m);
  assert.match(text, /^\| `authorization\.mode` \| `Webhook`, `AlwaysAllow` \| `Webhook` \|/m);
});
it('explains every key', () => {
  const mute = configReference()
    .split('\n')
    .filter((line) => line.startsWith('| `') && /\| +\|$/.test(line));
  assert.deepEqual(mute, []);
});
