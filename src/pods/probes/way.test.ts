/** What a link that is cut does to probes: nothing. */
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { TargetError } from '../../hosts/link/dial-target.ts';
import type { HostLink } from '../../hosts/link/link.ts';
import type { HostState } from '../../hosts/runtime-host.ts';
import { CriError, HostError } from '../../model/errors.ts';
import { ignoredFaults } from '../../model/faults.ts';
import type { Probe } from '../../model/kube.ts';
import { orAbort } from '../../util/abort.ts';
import { FakeClock, pod, quietLog } from '../../testing/fixtures.ts';
import { Prober } from './prober.ts';

type Dialing = HostLink['dial'];

const lost = new HostError('unavailable', 'box', 'box: ssh root@far:22: the host does not answer any more');
const refusal = Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' });
const refused: Dialing = () =>
  Promise.reject(new TargetError('unavailable', 'box', 'box: dial 10.0.0.2:80', { cause: refusal }));
const silent: Dialing = (_, { signal }) => orAbort(new Promise(() => undefined), signal);

/** A connection of which every request is answered so. */
function answering(answer: string): Dialing {
  return () => {
    const socket = new Duplex({
      read: () => undefined,
      write: (_chunk, _encoding, done) => {
        if (answer !== '') socket.push(answer);
        done();
      },
    });
    return Promise.resolve(socket);
  };
}
const well = answering('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');

interface Far {
  dial: Dialing;
  /** false: the link was cut since */
  isWhole: boolean | undefined;
  state: HostState['at'];
  execSync: () => Promise<unknown>;
  version: () => Promise<unknown>;
}

/** A pod with one probe on a host that the test can take away. */
function setUp(probes: { livenessProbe?: Probe; readinessProbe?: Probe; startupProbe?: Probe }): {
  far: Far;
  clock: FakeClock;
  prober: Prober;
  events: string[];
  seen: string[];
  /** so many seconds, one by one, as real time is */
  pass: (seconds: number) => Promise<void>;
  result: () => unknown;
} {
  const clock = new FakeClock();
  const start = clock.now();
  const events: string[] = [];
  const seen: string[] = [];
  const far: Far = {
    dial: well,
    isWhole: true,
    state: 'ready',
    execSync: () => Promise.resolve({ stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), exit_code: 0 }),
    version: () => Promise.resolve({}),
  };
  const target = pod({ spec: { containers: [{ name: 'c', ...probes }] } });
  const witness = (): (() => Promise<boolean>) => () => Promise.resolve(far.isWhole === true);
  const prober = new Prober({
    host: {
      cri: { execSync: () => far.execSync(), version: () => far.version() },
      link: {
        dial: (to: never, options: never) => far.dial(to, options),
        get witness() {
          return far.isWhole === undefined ? undefined : witness;
        },
      },
      state: () => ({ at: far.state }),
    } as never,
    clock,
    log: quietLog,
    events: { event: (_about, reason, message) => events.push(`${reason} ${message}`) },
    faults: ignoredFaults,
    signal: life.signal,
    random: () => 0,
    look: () => ({ id: 'c1', running: true, startedAt: start, podIp: '10.0.0.2', over: false }),
    pod: () => target,
    onResult: () => undefined,
    observe: ({ result }) => seen.push(result),
  });
  prober.add(target);
  const kind =
    probes.livenessProbe !== undefined
      ? 'liveness'
      : probes.startupProbe !== undefined
        ? 'startup'
        : 'readiness';
  return {
    far,
    clock,
    prober,
    events,
    seen,
    pass: async (seconds) => {
      for (let second = 0; second < seconds; second += 1) {
        await clock.advance(1_000);
        // what goes through streams takes turns of the event loop
        for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
      }
    },
    result: () => prober.result(kind, 'c1'),
  };
}

const probes: Record<string, Probe> = {
  httpGet: { httpGet: { path: '/', port: 80 } },
  tcpSocket: { tcpSocket: { port: 80 } },
  grpc: { grpc: { port: 80 } },
};

/** How each link shows that the way is broken. */
const cuts: { name: string; change: Partial<Far> }[] = [
  { name: 'ssh, cut in silence: nobody answers the dial', change: { dial: silent, isWhole: false } },
  {
    name: 'ssh, cut in silence: the request is not answered',
    change: { dial: answering(''), isWhole: false },
  },
  { name: 'ssh, found to be down', change: { dial: () => Promise.reject(lost), isWhole: false } },
  { name: 'ssh, broken and made again meanwhile', change: { dial: refusedByReset(), isWhole: false } },
  {
    name: 'tcp, without its helper',
    change: {
      dial: () => Promise.reject(new HostError('unavailable', 'box', 'box: no helper')),
      isWhole: true,
    },
  },
  { name: 'tcp, the stream to the helper is cut', change: { dial: cutInTheMiddle(), isWhole: true } },
  {
    name: 'unix, no file descriptor left',
    change: { dial: () => Promise.reject(new HostError('unavailable', 'box', 'EMFILE')), isWhole: undefined },
  },
  {
    name: 'no place left for one more connection',
    change: {
      dial: (_, { signal }) =>
        orAbort(new Promise<Duplex>(() => undefined), signal).catch(() => {
          throw new HostError('resource-exhausted', 'box', 'box: all connections are in use');
        }),
      isWhole: true,
    },
  },
  { name: 'a host that is not ready', change: { dial: refused, state: 'lost', isWhole: undefined } },
];

function refusedByReset(): Dialing {
  return () => Promise.reject(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
}

function cutInTheMiddle(): Dialing {
  return () => {
    const socket = new Duplex({
      read: () => undefined,
      write: (_chunk, _encoding, done) => {
        done();
        socket.destroy(
          new HostError('unavailable', 'box', 'box: the helper: the stream ended before the process'),
        );
      },
    });
    return Promise.resolve(socket);
  };
}

let life = new AbortController();
beforeEach(() => {
  life = new AbortController();
});
afterEach(() => {
  life.abort(new Error('the test is over'));
});

describe('a cut of 75 s with a default liveness probe', () => {
  for (const { name, change } of cuts)
    for (const [kind, probe] of Object.entries(probes)) {
      // a connection that is made is all that tcpSocket wants
      if (kind === 'tcpSocket' && /request|stream/.test(name)) continue;
      it(`${kind}: ${name}`, async () => {
        const { far, pass, events, seen, result } = setUp({ livenessProbe: probe });
        if (kind === 'grpc') far.dial = refused;
        else await pass(15);
        const { length } = events;
        Object.assign(far, change);
        await pass(75);
        assert.deepEqual([result(), events.slice(length)], ['success', []]);
        assert.equal(seen.filter((each) => each === 'failed').length, 0);
        assert.ok(seen.filter((each) => each === 'unknown').length >= 7, String(seen));
      });
    }

  for (const [kind, probe] of Object.entries(probes))
    it(`${kind}: kills when it is the container that does not answer`, async () => {
      for (const dial of [refused, silent]) {
        const { far, pass, result } = setUp({ livenessProbe: probe });
        far.dial = dial;
        await pass(35);
        assert.equal(result(), 'failure');
      }
    });
});

describe('probes of a host that was away', () => {
  it('keep the last result of readiness, good or bad', async () => {
    for (const [dial, expect] of [
      [well, 'success'],
      [refused, 'failure'],
    ] as const) {
      const { far, pass, result } = setUp({ readinessProbe: { httpGet: { port: 80 } } });
      far.dial = dial;
      await pass(35);
      Object.assign(far, { dial: silent, isWhole: false });
      await pass(75);
      assert.equal(result(), expect);
    }
  });

  it('count no failure from before the cut twice, and go on counting', async () => {
    const { far, pass, result } = setUp({ livenessProbe: { httpGet: { port: 80 }, failureThreshold: 3 } });
    far.dial = refused;
    await pass(15);
    Object.assign(far, { dial: silent, isWhole: false });
    await pass(75);
    assert.equal(result(), 'success');
    Object.assign(far, { dial: refused, isWhole: true });
    await pass(11);
    assert.equal(result(), 'failure');
  });

  for (const [name, probe, kind, first] of [
    ['liveness', { livenessProbe: probes.httpGet ?? {} }, 'liveness', 'success'],
    ['startup', { startupProbe: probes.httpGet ?? {} }, 'startup', 'unknown'],
  ] as const)
    it(`are made once more before anything is done for a failed ${name} probe`, async () => {
      const { far, pass, prober, clock } = setUp(probe);
      far.dial = refused;
      await pass(35);
      assert.equal(prober.result(kind, 'c1'), 'failure');
      prober.hostIsBack();
      assert.equal(prober.result(kind, 'c1'), first);
      await clock.advance(0);
      await pass(1);
      assert.equal(prober.result(kind, 'c1'), 'failure');
      far.dial = well;
      prober.hostIsBack();
      await pass(1);
      assert.equal(prober.result(kind, 'c1'), 'success');
    });
});

describe('an exec probe', () => {
  const late = (): Promise<never> => Promise.reject(criFault('deadline-exceeded', 4));
  const gone = (): Promise<never> => Promise.reject(criFault('unavailable', 14));
  const rows: { name: string; change: Partial<Far>; expect: string; told: number }[] = [
    { name: 'that takes too long', change: { execSync: late }, expect: 'failure', told: 3 },
    {
      name: 'over a link that was cut',
      change: { execSync: late, isWhole: false },
      expect: 'success',
      told: 0,
    },
    {
      name: 'of a runtime that hangs',
      change: { execSync: late, version: late },
      expect: 'success',
      told: 0,
    },
    { name: 'of a runtime that is away', change: { execSync: gone }, expect: 'success', told: 0 },
    {
      name: 'that the runtime refuses',
      change: { execSync: () => Promise.reject(criFault('internal', 2)) },
      expect: 'success',
      told: 4,
    },
  ];
  for (const { name, change, expect, told } of rows)
    it(name, async () => {
      const { far, pass, result, events } = setUp({ livenessProbe: { exec: { command: ['true'] } } });
      Object.assign(far, change);
      await pass(35);
      assert.deepEqual([result(), events.length], [expect, told]);
    });
});

function criFault(kind: CriError['kind'], code: number): CriError {
  return new CriError({ kind, method: 'ExecSync', host: 'box', code, codeName: 'X', description: 'd' });
}
