/** The connection against whatever may answer in the API server's place. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { KubeError } from '../model/errors.ts';
import { ignoredFaults } from '../model/faults.ts';
import type { Lease, Pod } from '../model/kube.ts';
import { FakeClock, pod, quietLog, settle } from '../testing/fixtures.ts';
import { connectKube, type KubeConnection } from './connect.ts';
import { paths } from './paths.ts';
import { watchObjects } from './watch.ts';

const podList = JSON.stringify({
  kind: 'PodList',
  apiVersion: 'v1',
  metadata: { resourceVersion: '7' },
  items: [pod()],
});
const success = '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","code":200}';
const lease = (version: string): string =>
  JSON.stringify({
    kind: 'Lease',
    apiVersion: 'coordination.k8s.io/v1',
    metadata: { name: 'n', namespace: 'kube-node-lease', uid: 'l', resourceVersion: version },
  });

const folder = mkdtempSync(join(tmpdir(), 'kube-faults-'));
const credentialFile = join(folder, 'credential');
const exec = 'client.authentication.k8s.io/v1';
const credential = (token: string): void => {
  const value = { apiVersion: exec, kind: 'ExecCredential', status: { token } };
  writeFileSync(credentialFile, JSON.stringify(value));
};
const seen: IncomingMessage[] = [];
let answer: RequestListener;
const server = createServer((request, response) => {
  seen.push(request);
  request.resume();
  answer(request, response);
});
let clock: FakeClock;
let kube: KubeConnection;

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

beforeEach(async () => {
  await (kube as KubeConnection | undefined)?.close();
  seen.length = 0;
  clock = new FakeClock();
  const { port } = server.address() as AddressInfo;
  const kubeconfig = join(folder, 'kubeconfig');
  const named = (kind: string, value: object): object[] => [{ name: 'c', [kind]: value }];
  credential('first');
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
      clusters: named('cluster', {
        server: `http://127.0.0.1:${port}`,
        'insecure-skip-tls-verify': true,
      }),
      users: named('user', {
        exec: { apiVersion: exec, command: 'cat', args: [credentialFile], interactiveMode: 'Never' },
      }),
      contexts: named('context', { cluster: 'c', user: 'c' }),
    }),
  );
  kube = connectKube({ kubeconfig, userAgent: 'test', clock });
});

after(async () => {
  await kube.close();
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

/** Until something waits for the clock: requests on the way are real. */
async function untilTimers(count: number): Promise<void> {
  while (clock.timers < count) await settle();
}

const notAnswers: [name: string, answer: (response: ServerResponse) => void, says: RegExp][] = [
  ['a redirect', (to) => to.writeHead(302, { location: '/login' }).end(), /302 and leads to \/login/],
  ['no content', (to) => to.writeHead(204).end(), /204/],
  ['nothing new', (to) => to.writeHead(304).end(), /304/],
  ['an empty body', (to) => to.writeHead(200).end(), /empty/],
  ['a Status', (to) => to.end(success), /a Status of v1, not a PodList/],
  ['a login page', (to) => to.end('<html>'), /not JSON/],
  ['a page that is not found', (to) => to.writeHead(404).end('<html>'), /404/],
  [
    'a body that breaks off',
    (to) => {
      to.writeHead(200, { 'content-length': '9999' }).write(podList.slice(0, 50), () => to.destroy());
    },
    /can't be reached/,
  ],
  [
    'a connection that ends after the headers',
    (to) => {
      to.writeHead(200).flushHeaders();
      to.destroy();
    },
    /can't be reached/,
  ],
];

describe('heartbeats of many nodes', () => {
  it('do not stand in line for one another while answers are slow to come', async () => {
    const held: ServerResponse[] = [];
    const nodes = 40;
    // none is answered before all have been asked for
    answer = (_request, response) => {
      held.push(response);
      if (held.length < nodes) return;
      for (const each of held) each.end(lease('7'));
    };
    const names = Array.from({ length: nodes }, () => 'n');
    const answers = await Promise.all(names.map((name) => kube.get<Lease>(paths.lease(name))));
    assert.equal(answers.length, nodes);
  });
});

describe('an answer in the API server’s place', () => {
  for (const [name, give, says] of notAnswers)
    it(`${name}: the call fails, and a watch tells nothing`, async () => {
      answer = (_request, response) => {
        give(response);
      };
      await assert.rejects(
        kube.get(paths.pods),
        (error: unknown) =>
          error instanceof KubeError && error.kind === 'unavailable' && says.test(error.message),
      );
      const told: string[] = [];
      const stop = new AbortController();
      const watching = watchObjects<Pod>(
        {
          ...{ client: kube, clock, log: quietLog, faults: ignoredFaults, random: () => 0 },
          ...{ path: paths.pods, what: 'pods' },
          onEvent: (event) => told.push(event.type),
        },
        { signal: stop.signal },
      ).catch(() => undefined);
      await untilTimers(1);
      assert.deepEqual(told, []);
      // and goes on as soon as it is the API server
      answer = (request, response) => {
        if (request.url?.includes('watch=true') === true) response.write('\n');
        else response.end(podList);
      };
      await clock.advance(800);
      while (told.length === 0) await settle();
      assert.deepEqual(told, ['reset']);
      stop.abort();
      await watching;
    });

  it('that never ends is given up', async () => {
    answer = (_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        response.once('drain', more);
      };
      more();
    };
    await assert.rejects(kube.get(paths.pods), /longer than 16777216 bytes/);
  });

  it('that refuses without end is a refusal', async () => {
    answer = (_request, response) => {
      response.writeHead(500);
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        response.once('drain', more);
      };
      more();
    };
    await assert.rejects(kube.get(paths.pods), (error: unknown) => (error as KubeError).message.length < 200);
  });
});

describe('a server that is busy', () => {
  it('is asked again after what it asks for', async () => {
    answer = (_request, response) => {
      if (seen.length < 3)
        response.writeHead(seen.length === 1 ? 429 : 503, { 'retry-after': '2' }).end('busy');
      else response.end(podList);
    };
    const list = kube.get<{ items: unknown[] }>(paths.pods);
    for (const requests of [1, 2]) {
      await untilTimers(1);
      await clock.advance(1_999);
      assert.equal(seen.length, requests);
      await clock.advance(1);
    }
    assert.equal((await list).items.length, 1);
    assert.equal(seen.length, 3);
  });

  it('is not waited for beyond the deadline', async () => {
    answer = (_request, response) => {
      response.writeHead(429, { 'retry-after': '31' }).end('busy');
    };
    await assert.rejects(
      kube.get(paths.pods),
      (error: unknown) => (error as KubeError).retryAfterMs === 31_000,
    );
    assert.equal(seen.length, 1);
  });
});

describe('credentials that the server refuses', () => {
  it('are asked for again with the next call', async () => {
    let known = 'first';
    answer = (request, response) => {
      if (request.headers.authorization === `Bearer ${known}`) response.end(podList);
      else response.writeHead(401).end('Unauthorized');
    };
    await kube.get(paths.pods);
    known = 'second';
    credential('second');
    await clock.advance(10_000);
    await assert.rejects(kube.get(paths.pods), { kind: 'unauthenticated' });
    await kube.get(paths.pods);
  });
});

describe('leases and reviews', () => {
  it('wait behind nobody: not strangers’ tokens, not calls, not watches', async () => {
    const stop = new AbortController();
    const { signal } = stop;
    answer = (request, response) => {
      if (request.url?.includes('/leases/') === true) response.end(lease('1'));
      else if (request.url === paths.pods) response.end(podList);
    };
    const hanging = Array.from({ length: 60 }, (_, index) =>
      Promise.allSettled([
        kube.create(paths.tokenReviews, { index }, { signal }),
        kube.create(paths.token('default', 'default'), { index }, { signal }),
        kube.stream(paths.configMaps('default'), { query: { watch: true, index }, signal }),
      ]),
    );
    while (seen.length < 8 + 8 + 60) await settle();
    assert.equal((await kube.replace<Lease>(paths.lease('n'), {})).metadata?.resourceVersion, '1');
    await kube.get(paths.pods);
    assert.deepEqual(kube.streams(), { open: 0, waiting: 60 });
    stop.abort(new Error('over'));
    await Promise.all(hanging);
    assert.deepEqual(kube.streams(), { open: 0, waiting: 0 });
  });
});

describe('a store that went back', () => {
  let version = '';
  const told: string[] = [];
  let stop: AbortController;
  let watching: Promise<unknown>;

  /** With pods that are watched, and a lease that has been written. */
  beforeEach(async () => {
    version = '100';
    told.length = 0;
    stop = new AbortController();
    answer = (request, response) => {
      if (request.url?.includes('/leases') === true) response.end(lease(version));
      else if (request.url?.includes('watch=true') === true) response.write('\n');
      else response.end(podList);
    };
    watching = watchObjects<Pod>(
      {
        ...{ client: kube, clock, log: quietLog, faults: ignoredFaults, path: paths.pods, what: 'pods' },
        onEvent: (event) => told.push(event.type),
      },
      { signal: stop.signal },
    ).catch(() => undefined);
    while (kube.streams().open === 0) await settle();
    await kube.create(paths.leases, {});
    version = '101';
    await kube.replace(paths.lease('n'), {});
    assert.equal(kube.epoch(), 0);
  });
  afterEach(async () => {
    stop.abort();
    await watching;
  });

  const isNoticed = async (): Promise<void> => {
    assert.equal(kube.epoch(), 1);
    while (told.length < 2) await settle();
    assert.deepEqual(told, ['reset', 'reset']);
  };

  it('is noticed by a lease’s version: watches end as expired, and a list comes first', async () => {
    version = '40';
    await kube.replace(paths.lease('n'), {});
    await isNoticed();
  });

  it('is noticed when the lease is read, as others may have caught up when it is written', async () => {
    version = '40';
    await kube.get(paths.lease('n'));
    version = '140';
    await kube.replace(paths.lease('n'), {});
    await isNoticed();
  });
});
