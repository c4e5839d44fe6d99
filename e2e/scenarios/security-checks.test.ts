/**
 * The commands of docs/security.md, as they stand there: they hold on a farlet with the keys that the page
 * gives, and each tells a farlet that is less strict.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { kubernetes } from '../harness/cache.ts';
import type { Farlet } from '../harness/farlet.ts';
import { nearAddress } from '../harness/link-hosts.ts';
import { useNamespace } from '../harness/namespace.ts';
import { eventually, outcome, type Outcome } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';

const page = readFileSync('docs/security.md', 'utf8');
const blocks = (language: string): string[] =>
  [...page.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].flatMap(([, of, text = '']) =>
    of === language ? [text] : [],
  );
const setUp = blocks('sh').find((text) => text.startsWith('NODE=')) ?? '';
const checks = new Map(
  blocks('sh').flatMap((text) => {
    const item = /^# (4\.2\.\d+)\n/.exec(text)?.[1];
    return item === undefined ? [] : [[item, text] as const];
  }),
);
const strict = blocks('yaml').find((text) => text.startsWith('serverTLSBootstrap:')) ?? '';

const [STRICT, LAX] = ['strict', 'lax'];
/** what a farlet may be told as well, and what the page is to say of it */
const lax = {
  authorization: { mode: 'AlwaysAllow' },
  streamingConnectionIdleTimeout: '0s',
  tlsCipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA', 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'],
};
const told = ['4.2.2', '4.2.5', '4.2.9', '4.2.11', '4.2.12', '4.2.13', '4.2.14'];

const world = useWorld({
  hosts: [
    { name: STRICT, version: '2' },
    { name: LAX, version: '1.6' },
  ],
  farlet: false,
});

describe('the checks of docs/security.md', { concurrency: 1 }, () => {
  const bin = `${world.folder}/bin`;
  let farlet: Farlet;
  const check = (item: string, node: string): Promise<Outcome> => {
    mkdirSync(`${world.folder}/at-${node}`, { recursive: true });
    const script = [
      `cd ${world.folder}/at-${node}`,
      setUp.replace(/^NODE=.*$/m, `NODE=${node}`),
      checks.get(item) ?? 'exit 9',
    ].join('\n');
    return outcome(['bash', '-euo', 'pipefail', '-c', script], {
      env: { PATH: `${bin}:${process.env.PATH ?? ''}`, KUBECONFIG: world.plane.kubeconfig },
      timeoutMs: 30_000,
    });
  };

  before(async () => {
    mkdirSync(bin);
    writeFileSync(`${bin}/kubectl`, `#!/bin/sh\nexec ${kubernetes('kubectl').join(' ')} "$@"\n`, {
      mode: 0o755,
    });
    const config = parse(strict) as Record<string, unknown>;
    // the API server is no proxy to loopback
    const start = (name: string, more: object): Promise<Farlet> =>
      world.startFarlet(name, {
        hosts: [world.host(name)],
        config: { address: '0.0.0.0', ...more },
        node: () => ({ nodeIP: nearAddress(world.host(name)) }),
      });
    farlet = await start(STRICT, config);
    await start(LAX, lax);
  });
  const space = useNamespace(world, { name: 'checks', node: STRICT });
  useNamespace(world, { name: 'checks-lax', node: LAX });

  it('the page has each item of 4.2, in its table and with a command', () => {
    const items = Array.from({ length: 14 }, (_, index) => `4.2.${String(index + 1)}`);
    assert.deepEqual([...checks.keys()], items);
    assert.deepEqual(
      [...page.matchAll(/^\| (4\.2\.\d+) \|/gm)].map(([, item]) => item),
      items,
    );
  });

  for (const item of checks.keys())
    it(`${item} holds with the keys that the page gives`, async () => {
      if (item === '4.2.8') await space.createPod('told');
      await eventually(item, async () => (await check(item, STRICT)).code === 0, {
        // a certificate is first asked for, and an event told
        timeoutMs: 30_000,
        everyMs: 1_000,
        describe: async () => `${JSON.stringify(await check(item, STRICT))}\n${farlet.log()}`,
      });
    });

  it('the same commands tell a farlet that is less strict', async () => {
    const failed: string[] = [];
    for (const item of checks.keys()) if ((await check(item, LAX)).code !== 0) failed.push(item);
    assert.deepEqual(
      failed.filter((item) => item !== '4.2.8'),
      told,
    );
  });
});
