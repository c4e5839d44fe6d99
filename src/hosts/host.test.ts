import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeCri, criFault } from '../testing/fake-host.ts';
import { FakeClock, quietLog, settle } from '../testing/fixtures.ts';
import { answerLimitMs } from './host-state.ts';
import { Host } from './host.ts';
import type { HostLink } from './link/link.ts';
import { Beat } from '../util/beat.ts';

const version = { runtime_name: 'containerd', runtime_version: 'v2' };
const boot = 1_700_000_000;
const withNetwork = (isReady: boolean) => ({
  status: {
    conditions: [
      { type: 'RuntimeReady', status: true },
      { type: 'NetworkReady', status: isReady },
    ],
  },
  runtime_handlers: [],
  features: null,
  info: {},
});
const status = withNetwork(true);

type Answer = (timeoutMs: number) => Promise<object>;

function setUp(more: Partial<HostLink> = {}) {
  const clock = new FakeClock();
  let connections = 1;
  const asked: string[] = [];
  let answer: Answer = () => Promise.resolve(status);
  const cri = new FakeCri({
    version: () => {
      asked.push('version');
      return version;
    },
    status: (_request: unknown, options?: object) => answer((options as { timeoutMs: number }).timeoutMs),
  });
  const texts: Record<string, string> = {
    '/proc/stat': `btime ${String(boot)}\n`,
    '/proc/uptime': '0.00 0.00\n',
  };
  const files = { readFile: (path: string) => Promise.resolve(Buffer.from(texts[path] ?? '')) };
  const link = {
    name: 'box',
    endpoint: 'ssh://box',
    connections: () => connections,
    files,
    ...more,
  } as unknown as HostLink;
  const host = new Host({
    link,
    cri: cri.client,
    beat: new Beat(clock, 0),
    clock,
    log: quietLog,
    sandboxedHandlers: [],
  });
  const told: string[] = [];
  host.onChange(({ at }) => told.push(at));
  const life = new AbortController();
  host.run(life.signal).catch(() => undefined);
  return {
    clock,
    host,
    told,
    asked,
    life,
    texts,
    reconnect: () => (connections += 1),
    answers: (how: Answer) => (answer = how),
  };
}

describe('a host', () => {
  it('is as far as its shortest answer of the last minute took', async () => {
    const { clock, host, answers, life } = setUp();
    await settle();
    assert.equal(host.roundTripMs(), 0);
    const takes = (ms: number): void => {
      answers(() => clock.sleep(ms).then(() => status));
    };
    takes(30);
    await clock.advance(15_000);
    takes(500);
    await clock.advance(15_000);
    assert.equal(host.roundTripMs(), 0, 'the first look');
    const shortest: number[] = [];
    for (let looks = 0; looks < 10; looks += 1) {
      await clock.advance(10_000);
      if (shortest.at(-1) !== host.roundTripMs()) shortest.push(host.roundTripMs());
    }
    assert.deepEqual(shortest, [0, 30, 500]);
    life.abort(new Error('over'));
  });

  it('tells that it is back although its state never changed', async () => {
    const { clock, told, answers, life } = setUp();
    await settle();
    assert.deepEqual(told, ['ready']);
    answers(() => Promise.reject(criFault('gone', 'unavailable')));
    await clock.advance(12_000);
    assert.deepEqual(told, ['ready']);
    answers(() => Promise.resolve(status));
    await clock.advance(5_000);
    assert.deepEqual(told, ['ready', 'ready']);
    await clock.advance(60_000);
    assert.equal(told.length, 2);
    life.abort();
  });

  it('tells that it was reached again between two good looks', async () => {
    const { clock, told, reconnect, life } = setUp();
    await clock.advance(6_000);
    reconnect();
    await clock.advance(4_000);
    assert.deepEqual(told, ['ready', 'ready']);
    life.abort();
  });

  it('is lost thirty seconds after its last good look, though looks go unanswered', async () => {
    const { clock, told, answers, host, life } = setUp();
    await clock.advance(5_000);
    // as the CRI client does: it gives up after the time it was given
    answers(async (timeoutMs) => {
      await clock.sleep(timeoutMs);
      throw criFault('no answer', 'deadline-exceeded');
    });
    await clock.advance(24_999);
    assert.deepEqual(told, ['ready']);
    await clock.advance(1);
    assert.deepEqual(told, ['ready', 'lost']);
    assert.equal(host.runtime()?.name, 'containerd');
    life.abort();
  });

  it('is looked at at once where something broke that tells of its runtime', async () => {
    const { clock, told, answers, host, life } = setUp();
    await clock.advance(11_000);
    answers(() => Promise.reject(criFault('gone', 'unavailable')));
    host.lookSoon();
    await clock.advance(1_000);
    answers(() => Promise.resolve(status));
    await clock.advance(1_000);
    assert.deepEqual(told, ['ready', 'ready'], 'it was away between two looks');
    life.abort();
  });

  it('is asked as often as by a kubelet while its network is not ready', async () => {
    const { clock, answers, host, life } = setUp();
    const isReady = (): boolean => {
      const state = host.state();
      return state.at === 'ready' && state.networkReady.status;
    };
    await settle();
    answers(() => Promise.resolve(withNetwork(false)));
    await clock.advance(10_000);
    assert.equal(isReady(), false);
    answers(() => Promise.resolve(withNetwork(true)));
    await clock.advance(5_000);
    assert.equal(isReady(), true);
    life.abort();
  });

  it('asks for the version now and then, and when the runtime or its host may be another one', async () => {
    const { clock, asked, answers, reconnect, life } = setUp();
    await clock.advance(9_000);
    assert.equal(asked.length, 1);
    reconnect();
    await clock.advance(2_000);
    assert.equal(asked.length, 2);
    await clock.advance(60_000);
    const inAMinute = Number(asked.length);
    assert.ok(inAMinute > 2 && inAMinute < 5, String(inAMinute));
    answers(() => Promise.reject(criFault('gone', 'unavailable')));
    await clock.advance(30_000);
    const whileAway = Number(asked.length);
    assert.ok(whileAway > inAMinute + 15, String(whileAway));
    answers(() => Promise.resolve(status));
    await clock.advance(1_000);
    assert.equal(asked.length, whileAway + 1);
    await clock.advance(9_000);
    assert.equal(asked.length, whileAway + 1);
    life.abort();
  });

  const fault = (): undefined => undefined;
  const silences: { what: string; link: Partial<HostLink>; message: string }[] = [
    {
      what: 'on this machine',
      link: { cri: () => ({ target: '' }) },
      message: 'box: the runtime accepts connections and nothing answers',
    },
    {
      what: 'over a connection that is watched',
      link: { fault, cri: () => ({ target: '', watched: true }) },
      message: 'box: the runtime accepts connections and nothing answers',
    },
    {
      what: 'over a connection that may be cut',
      link: { fault, cri: () => ({ target: '' }) },
      message: 'box: the runtime was connected and nothing answers: it hangs, or the way to the host is cut',
    },
  ];
  for (const { what, link, message } of silences)
    it(`says no more than is known of a runtime that is silent ${what}`, async () => {
      const { clock, answers, host, life } = setUp(link);
      answers(() => Promise.reject(criFault('no answer', 'deadline-exceeded')));
      await clock.advance(40_000);
      const state = host.state();
      assert.equal(state.at === 'ready' ? undefined : state.error, message);
      life.abort();
    });

  it('tells times by our clock, which is compared when the host is reached again', async () => {
    const { clock, host, texts, reconnect, life } = setUp();
    await clock.advance(5_000);
    assert.equal(host.localTime(7_000), 7_000);
    texts['/proc/stat'] = `btime ${String(boot + 3_610)}\n`;
    reconnect();
    await clock.advance(5_000);
    assert.equal(host.localTime(3_600_000), 0);
    assert.equal(host.hostTime(0), 3_600_000);
    life.abort();
  });

  it('gives a look as long as is left, within bounds', () => {
    const connecting = { at: 'connecting', error: undefined } as const;
    const rows: [now: number, limit: number][] = [
      [0, 10_000],
      [20_000, 10_000],
      [26_000, 4_000],
      [29_900, 1_000],
      [90_000, 1_000],
    ];
    for (const [now, limit] of rows) assert.equal(answerLimitMs(connecting, { now, lastGood: 0 }), limit);
    assert.equal(answerLimitMs({ at: 'lost', since: 0, error: '' }, { now: 90_000, lastGood: 0 }), 10_000);
  });
});
