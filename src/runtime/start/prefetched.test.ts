import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostFiles } from '../../hosts/link/link.ts';
import { podContainers } from '../../model/containers.ts';
import { FarletError } from '../../model/errors.ts';
import type { PodSpec } from '../../model/kube.ts';
import { podRef } from '../../model/pod-ref.ts';
import { emptyRuntimeState } from '../../model/runtime-state.ts';
import { FakeFiles } from '../../testing/fake-host.ts';
import { container, pod, settle } from '../../testing/fixtures.ts';
import type { KnownImages } from '../images/image-puller.ts';
import { Prefetched } from './prefetched.ts';

const hostsFile = '/r/pods/uid-web/etc-hosts';
const ip = '10.0.0.7';
const env = [
  { name: 'A', valueFrom: { configMapKeyRef: { name: 'gone', key: 'k' } } },
  { name: 'B', valueFrom: { secretKeyRef: { name: 'there', key: 'k' } } },
];
const plain = { name: 'c', image: 'a:1' };

function setUp(spec: Partial<PodSpec> = {}, { podIPs = [] }: { podIPs?: readonly string[] } = {}) {
  const fake = new FakeFiles();
  const asked: string[] = [];
  const stop = new AbortController();
  const known: KnownImages = new Map();
  const files: HostFiles = {
    ...fake.files,
    list: (path, options) => {
      asked.push(`list ${path}`);
      return fake.files.list(path, options);
    },
  };
  const web = pod({ spec: { containers: [plain], ...spec } });
  const prefetch = (change: { listFails?: Error; state?: 'known' } = {}): Prefetched => {
    const { listFails } = change;
    if (listFails !== undefined) files.list = () => Promise.reject(listFails);
    const nothing = emptyRuntimeState(podRef(web), 0);
    const state =
      change.state === 'known' ? { ...nothing, containers: [container({ attempt: 3 })] } : nothing;
    return new Prefetched(
      {
        host: { link: { files } },
        settings: {
          paths: { rootDir: '/r', podLogsDir: '/var/log/pods', containerLogsDir: '/var/log/containers' },
          clusterDomain: 'cluster.local',
        },
        images: {
          ask: (images) => {
            asked.push(...images.map(({ image }) => `image ${image}`));
            return known;
          },
        },
        objects: {
          configMap: (_, name) => {
            asked.push(`configMap ${name}`);
            return Promise.reject(new FarletError('not-found', `configmap "${name}" not found`));
          },
          secret: (_, name) => {
            asked.push(`secret ${name}`);
            return Promise.resolve({ data: {} });
          },
        },
        services: { synced: () => true, services: () => [] },
      },
      { pod: web, state, containers: podContainers(web), podIPs },
      { signal: stop.signal },
    );
  };
  return { fake, asked, known, stop, prefetch };
}

describe('what is fetched ahead', () => {
  it('is asked for at once, and only once however many ask for it', async () => {
    const { fake, asked, known, prefetch } = setUp({ containers: [{ ...plain, env }] });
    const prefetched = prefetch();
    await settle();
    const expected = [
      'list /var/log/pods/default_web_uid-web/c',
      'image a:1',
      'configMap gone',
      'secret there',
    ];
    assert.deepEqual(asked, expected);
    assert.equal(fake.batches.length, 1);
    for (let time = 0; time < 2; time += 1) {
      assert.equal(await prefetched.attempt('c'), 0);
      const { secrets } = await prefetched.env();
      assert.deepEqual([...secrets.keys()], ['there']);
      await prefetched.files();
      assert.equal(prefetched.images(), known);
    }
    assert.deepEqual(asked, expected);
    assert.equal(fake.batches.length, 1);
  });

  it('asks late for a container that was not thought of, once too', async () => {
    const { asked, prefetch } = setUp();
    const prefetched = prefetch();
    await prefetched.attempt('late');
    await prefetched.attempt('late');
    assert.equal(asked.filter((question) => question.endsWith('/late')).length, 1);
  });

  it('asks the host for no attempt that the runtime knows', async () => {
    const { asked, prefetch } = setUp();
    assert.equal(await prefetch({ state: 'known' }).attempt('c'), 4);
    assert.deepEqual(asked, ['image a:1']);
  });

  it('reports a failure to everybody who asks for that answer, and to nobody else', async () => {
    const { prefetch } = setUp();
    const prefetched = prefetch({ listFails: new Error('broken folder') });
    // a rejection that nothing handles would fail this test
    await settle();
    await prefetched.files();
    await prefetched.env();
    await assert.rejects(prefetched.attempt('c'), { message: 'broken folder' });
    await assert.rejects(prefetched.attempt('c'), { message: 'broken folder' });
  });

  it('keeps an object that is missing for the container that needs it', async () => {
    const { prefetch } = setUp({ containers: [{ ...plain, env }] });
    const { configMaps } = await prefetch().env();
    assert.match(String((configMaps.get('gone') as { error: unknown }).error), /"gone" not found/);
  });

  it('gives no environment once the sync has ended', async () => {
    const { stop, prefetch } = setUp();
    const prefetched = prefetch();
    stop.abort(new Error('the sync has ended'));
    await assert.rejects(prefetched.env(), { message: 'the sync has ended' });
  });

  it('knows termination message files by container', () => {
    const logged = { ...plain, name: 'd', terminationMessagePath: '/dev/termination-log' };
    const prefetched = setUp({ containers: [plain, logged] }).prefetch();
    assert.equal(prefetched.terminationLog('c'), undefined);
    assert.match(prefetched.terminationLog('d') ?? '', /^\/r\/pods\/uid-web\/containers\/d\/[0-9a-f]{8}$/);
  });
});

describe('the hosts file', () => {
  it('is rewritten, and waited for, when a new sandbox has its addresses', async () => {
    const { fake, prefetch } = setUp();
    const gate = Promise.withResolvers<undefined>();
    fake.hold = (batch) => (batch === 2 ? gate.promise : Promise.resolve());
    const prefetched = prefetch();
    await prefetched.hosts();
    assert.equal(prefetched.hostsFile(), undefined);
    prefetched.sandboxReady([ip]);
    assert.equal(prefetched.hostsFile(), hostsFile);
    let isRight = false;
    const waiting = prefetched.hosts().then(() => (isRight = true));
    await settle();
    assert.deepEqual([fake.batches.length, isRight], [2, false]);
    await prefetched.files();
    gate.resolve(undefined);
    await waiting;
    assert.match(fake.texts.get(hostsFile) ?? '', /10\.0\.0\.7\tweb\n$/);
  });

  it('that cannot be written fails only who waits for it', async () => {
    const { fake, prefetch } = setUp();
    const prefetched = prefetch();
    await prefetched.files();
    fake.fail = new Error('disk full');
    prefetched.sandboxReady([ip]);
    await settle();
    await prefetched.files();
    await assert.rejects(prefetched.hosts(), { message: 'disk full' });
  });

  for (const { name, spec, podIPs, ready, path } of [
    { name: 'of a sandbox that is there', spec: {}, podIPs: [ip], ready: undefined, path: hostsFile },
    { name: "on the host's network", spec: { hostNetwork: true }, podIPs: [], ready: [ip], path: hostsFile },
    { name: 'of a pod without addresses', spec: {}, podIPs: [], ready: [], path: undefined },
  ])
    it(`${name} is written once`, async () => {
      const { fake, prefetch } = setUp(spec, { podIPs });
      const prefetched = prefetch();
      if (ready !== undefined) prefetched.sandboxReady(ready);
      await prefetched.hosts();
      await settle();
      assert.deepEqual([prefetched.hostsFile(), fake.batches.length], [path, 1]);
    });
});
