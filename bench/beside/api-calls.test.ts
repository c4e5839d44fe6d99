import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, describe, it } from 'node:test';
import type { Audited } from '../../e2e/harness/control-plane.ts';
import { AuditReader, callOf } from './api-calls.ts';

const told = (verb: string, rest: Partial<Audited> = {}): Audited => ({
  verb,
  requestURI: '/api/v1/pods?watch=true',
  user: { username: 'farlet' },
  stage: 'ResponseComplete',
  ...rest,
});

describe('a call in the audit log', () => {
  for (const [what, audited, call] of [
    [
      'of a subresource',
      told('patch', { objectRef: { resource: 'pods', subresource: 'status' } }),
      'patch pods/status',
    ],
    ['of no resource', told('get', { requestURI: '/version?timeout=5s' }), 'get /version'],
    [
      'a watch that is opened',
      told('watch', { stage: 'ResponseStarted', objectRef: { resource: 'pods' } }),
      'watch pods',
    ],
    ['a watch that ends', told('watch', { objectRef: { resource: 'pods' } }), undefined],
    ['that panicked', told('get', { stage: 'Panic', objectRef: { resource: 'nodes' } }), 'get nodes'],
  ] as const)
    it(what, () => {
      assert.equal(callOf(audited), call);
    });
});

describe('the audit log', () => {
  const folder = mkdtempSync(`${tmpdir()}/audit-`);
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('is read on, line by line, for each user', () => {
    const file = `${folder}/audit.log`;
    const line = (username: string): string =>
      `${JSON.stringify(told('get', { user: { username }, objectRef: { resource: 'nodes' } }))}\n`;
    writeFileSync(file, line('farlet') + line('system:node:kubelet'));
    const reader = new AuditReader(file);
    assert.deepEqual([...reader.calls(['farlet'])], [['get nodes', 1]]);
    const next = line('farlet');
    appendFileSync(file, next.slice(0, 20));
    assert.deepEqual([...reader.calls(['farlet'])], [['get nodes', 1]]);
    appendFileSync(file, next.slice(20));
    assert.deepEqual([...reader.calls(['farlet', 'system:node:kubelet'])], [['get nodes', 3]]);
    assert.deepEqual([...reader.calls(['nobody'])], []);
  });
});
