import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configSchema, type Config } from './config/schema.ts';
import { standaloneProblem } from './standalone.ts';

const config = (more: object, node: object = { staticPodPath: '/manifests' }): Config =>
  configSchema.parse({
    apiVersion: 'farlet.dev/v1alpha1',
    kind: 'FarletConfiguration',
    authorization: { mode: 'AlwaysAllow' },
    nodes: [{ name: 'a', hosts: [{ name: 'box', endpoint: 'unix:///run/a.sock' }], ...node }],
    ...more,
  });

describe('why a farlet can not run without an API server', () => {
  const rows: [name: string, config: Config, says: RegExp | undefined][] = [
    ['it can, with static pods and nobody to ask', config({}), undefined],
    ['no static pods', config({}, {}), /^no API server is configured and node a has no staticPodPath/],
    ['somebody to ask', config({ authorization: {} }), /^authorization\.mode: Webhook asks/],
    ['certificates to ask for', config({ serverTLSBootstrap: true }), /^serverTLSBootstrap: true asks/],
    [
      'a node with an account of its own',
      config({}, { staticPodPath: '/manifests', kubeconfig: '/a.kubeconfig' }),
      /^nodes\[0\]\.kubeconfig: no API server is configured for farlet itself.*give --kubeconfig FILE too$/,
    ],
  ];
  for (const [name, given, says] of rows)
    it(name, () => {
      const problem = standaloneProblem(given);
      if (says === undefined) assert.equal(problem, undefined);
      else assert.match(problem ?? '', says);
    });
});
