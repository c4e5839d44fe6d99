import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, describe, it } from 'node:test';
import { LocalFiles } from '../../hosts/unix/local-files.ts';
import { FakeClock, quietLog } from '../../testing/fixtures.ts';
import { PullAccess } from './pull-access.ts';
import {
  recordPull,
  verifyAccess,
  withoutTag,
  type PulledRecord,
  type PulledWith,
  type SecretSource,
  type VerificationPolicy,
} from './pull-verification.ts';

const { signal } = new AbortController();
const secret = (name: string, hash = name, uid = name): SecretSource => ({
  uid,
  namespace: 'ns',
  name,
  hash,
});
const preloaded: VerificationPolicy = { kind: 'NeverVerifyPreloadedImages' };
const held = (pulledWith: PulledWith): PulledRecord => ({
  imageRef: 'sha256:aa',
  updatedAt: 1,
  pulledWith: new Map([['r.io/a', pulledWith]]),
});
const withSecrets = (...secrets: SecretSource[]): PulledWith => ({ open: false, secrets });

describe('who may use an image that is there', () => {
  const rows: {
    name: string;
    policy?: VerificationPolicy;
    record?: PulledRecord;
    pullBroken?: boolean;
    secrets?: SecretSource[];
    expect: boolean | SecretSource;
  }[] = [
    { name: 'everybody, if it was preloaded', expect: true },
    { name: 'nobody without proof, if a pull of it broke off', pullBroken: true, expect: false },
    { name: 'everybody, if it was pulled without credentials', record: held({ open: true }), expect: true },
    { name: 'nobody without a Secret otherwise', record: held(withSecrets(secret('s'))), expect: false },
    {
      name: 'whoever has the Secret',
      record: held(withSecrets(secret('s'))),
      secrets: [secret('x'), secret('s')],
      expect: true,
    },
    {
      name: 'whoever has the same credentials in another Secret, which is noted',
      record: held(withSecrets(secret('s', 'h'))),
      secrets: [secret('t', 'h')],
      expect: secret('t', 'h'),
    },
    {
      name: 'whoever has the same Secret with new credentials, which are noted',
      record: held(withSecrets(secret('s', 'old'))),
      secrets: [secret('s', 'new')],
      expect: secret('s', 'new'),
    },
    {
      name: 'not who has a Secret of that name made again',
      record: held(withSecrets(secret('s', 'old', 'u1'))),
      secrets: [secret('s', 'new', 'u2')],
      expect: false,
    },
    {
      name: 'nobody, if the record is of another name of the image',
      record: { imageRef: 'sha256:aa', updatedAt: 1, pulledWith: new Map([['r.io/b', { open: true }]]) },
      expect: false,
    },
    {
      name: 'everybody where nothing is verified',
      policy: { kind: 'NeverVerify' },
      record: held(withSecrets(secret('s'))),
      expect: true,
    },
    { name: 'nobody where all is verified', policy: { kind: 'AlwaysVerify' }, expect: false },
    {
      name: 'everybody, if its name is allowed',
      policy: { kind: 'NeverVerifyAllowlistedImages', allowed: ['r.io/a'] },
      record: held(withSecrets(secret('s'))),
      expect: true,
    },
    {
      name: 'everybody, if its prefix is allowed',
      policy: { kind: 'NeverVerifyAllowlistedImages', allowed: ['r.io/*'] },
      expect: true,
    },
    {
      name: 'nobody, if another name is allowed',
      policy: { kind: 'NeverVerifyAllowlistedImages', allowed: ['r.io/b', 'r.io/a/*'] },
      expect: false,
    },
  ];
  for (const row of rows)
    it(row.name, () => {
      const verdict = verifyAccess({
        policy: row.policy ?? preloaded,
        image: 'r.io/a:1',
        record: row.record,
        pullBroken: row.pullBroken ?? false,
        secrets: () => row.secrets ?? [],
      });
      if (typeof row.expect === 'boolean') assert.deepEqual(verdict, { mayUse: row.expect });
      else assert.deepEqual(verdict, { mayUse: true, note: row.expect });
    });

  it('names are taken without tag and digest', () => {
    for (const [image, name] of [
      ['a', 'a'],
      ['r.io:5000/a', 'r.io:5000/a'],
      ['r.io:5000/a:1@sha256:bb', 'r.io:5000/a'],
    ] as const)
      assert.equal(withoutTag(image), name);
  });
});

describe('the record of a pull', () => {
  const pull = (record: PulledRecord | undefined, pulledWith: PulledWith): PulledRecord =>
    recordPull(record, { image: 'r.io/a:1', imageRef: 'sha256:aa', with: pulledWith, now: 2 });
  it('stays as it is when nothing is new', () => {
    const record = held(withSecrets(secret('s')));
    assert.equal(pull(record, withSecrets(secret('s'))), record);
    const open = held({ open: true });
    assert.equal(pull(open, withSecrets(secret('s'))), open);
  });
  it('takes other Secrets and newer credentials, and is open for good once it is', () => {
    assert.deepEqual(
      pull(
        held(withSecrets(secret('s', 'old'))),
        withSecrets(secret('s', 'new'), secret('a')),
      ).pulledWith.get('r.io/a'),
      withSecrets(secret('a'), secret('s', 'new')),
    );
    assert.deepEqual(pull(held(withSecrets(secret('s'))), { open: true }).pulledWith.get('r.io/a'), {
      open: true,
    });
  });
});

describe('records on the host', () => {
  const rootDir = mkdtempSync(`${tmpdir()}/farlet-pulls-`);
  after(() => {
    rmSync(rootDir, { recursive: true, force: true });
  });
  const clock = new FakeClock();
  const start = (): PullAccess =>
    new PullAccess({
      files: new LocalFiles({ host: 'box' }),
      rootDir,
      policy: preloaded,
      clock,
      log: quietLog,
    });
  const ask = (access: PullAccess, secrets: SecretSource[] = []): Promise<boolean> =>
    access.mayUse({ image: 'r.io/a:1', imageRef: 'sha256:aa', secrets: () => secrets }, { signal });
  const listing = (folder: string): string[] => readdirSync(`${rootDir}/image_manager/${folder}`);

  it('outlive farlet, pulls that broke off included', async () => {
    const first = start();
    assert.equal(await ask(first), true);
    await first.pulling('r.io/a:1', { signal });
    assert.equal(listing('pulling').length, 1);
    assert.equal(await ask(start()), false);
    await first.pulled('r.io/a:1', { imageRef: 'sha256:aa', with: withSecrets(secret('s')) }, { signal });
    assert.deepEqual(listing('pulling'), []);
    const [file = ''] = listing('pulled');
    const text = readFileSync(`${rootDir}/image_manager/pulled/${file}`, 'utf8');
    assert.deepEqual(JSON.parse(text), {
      kind: 'ImagePulledRecord',
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      lastUpdatedTime: '2023-11-14T22:13:20Z',
      imageRef: 'sha256:aa',
      credentialMapping: {
        'r.io/a': {
          kubernetesSecrets: [{ uid: 's', namespace: 'ns', name: 's', credentialHash: 's' }],
        },
      },
    });
    const second = start();
    assert.equal(await ask(second), false);
    assert.equal(await ask(second, [secret('s')]), true);
    assert.equal(await ask(second, [secret('t', 's')]), true);
    assert.equal(await ask(start(), [secret('z', 'other')]), false);
    assert.equal(await ask(start(), [secret('t', 's')]), true);
  });

  it('two pulls of one image are one intent until both have ended', async () => {
    const access = start();
    await access.pulling('r.io/b', { signal });
    await access.pulling('r.io/b', { signal });
    await access.failed('r.io/b', { signal });
    assert.equal(listing('pulling').length, 1);
    await access.failed('r.io/b', { signal });
    assert.deepEqual(listing('pulling'), []);
  });

  it('go with their images, but not those that came since', async () => {
    await start().pulling('r.io/gone', { signal });
    const access = start();
    const before = clock.now();
    await access.prune({ ids: new Set(), names: new Set(), before }, { signal });
    assert.equal(listing('pulled').length, 1);
    await access.prune({ ids: new Set(), names: new Set(), before: before + 1 }, { signal });
    assert.deepEqual([listing('pulled'), listing('pulling')], [[], []]);
  });

  it('that are cut off count as none', async () => {
    writeFileSync(`${rootDir}/image_manager/pulled/sha256-x`, '{"kind":');
    assert.equal(await ask(start()), true);
  });
});
