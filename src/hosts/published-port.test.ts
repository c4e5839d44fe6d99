import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { HostError } from '../model/errors.ts';
import { FakeClock, settle } from '../testing/fixtures.ts';
import type { HostListener, ListenOptions } from './link/link.ts';
import { PublishedPort, type PortProblem } from './published-port.ts';

/** A host whose port is listened on once it lets that be, and leads here if its addresses do. */
class Host {
  readonly name = 'box';
  listens = true;
  leads = true;
  attempts = 0;
  onConnection: ListenOptions['onConnection'] | undefined;
  #end: (why: string) => void = () => undefined;

  listen(_port: number, { onConnection }: ListenOptions): Promise<HostListener> {
    this.attempts += 1;
    if (!this.listens) return Promise.reject(new HostError('unavailable', 'box', 'box: the port is taken'));
    this.onConnection = onConnection;
    const ended = Promise.withResolvers<string>();
    this.#end = ended.resolve;
    return Promise.resolve({ ended: ended.promise, advice: 'set GatewayPorts', close: () => undefined });
  }

  dial(): Promise<Duplex> {
    if (!this.leads) return Promise.reject(new HostError('unavailable', 'box', 'connection refused'));
    this.onConnection?.(new PassThrough());
    return Promise.resolve(new PassThrough());
  }

  cut(): void {
    this.#end('box: the ssh connection has ended');
  }
}

function setUp(test: TestContext, { to = { host: '127.0.0.1', port: 1 } } = {}) {
  const host = new Host();
  const clock = new FakeClock();
  const told: (PortProblem | undefined)[] = [];
  const last = (): PortProblem | undefined => told.at(-1);
  let addresses: string[] = ['192.0.2.7'];
  const life = new AbortController();
  const port = new PublishedPort({
    link: host,
    port: 10_250,
    to,
    addresses: () => addresses,
    onChange: (problem) => told.push(problem),
    clock,
  });
  const start = async (): Promise<void> => {
    port.run(life.signal).catch(() => undefined);
    await settle();
  };
  test.after(() => {
    life.abort(new Error('the test is over'));
  });
  return {
    ...{ host, clock, told, last, start },
    known: (list: string[]) => {
      addresses = list;
    },
  };
}

describe('a port of a host that leads to farlet', () => {
  it('is told once, and again only when that changes', async (test) => {
    const { host, clock, told, last, start } = setUp(test);
    await start();
    assert.deepEqual(told, [undefined]);
    await clock.advance(120_000);
    assert.deepEqual(told, [undefined]);
    host.leads = false;
    await clock.advance(60_000);
    assert.equal(last()?.at, 'reaching');
    assert.match(
      last()?.text ?? '',
      /^box: 192\.0\.2\.7:10250 does not lead to farlet.*refused.*GatewayPorts/,
    );
    host.leads = true;
    await clock.advance(60_000);
    assert.deepEqual(told.slice(2), [undefined]);
  });

  it('is not judged before it is known where the host is', async (test) => {
    const { clock, told, start, known } = setUp(test);
    known([]);
    await start();
    await clock.advance(5_000);
    assert.deepEqual(told, []);
    known(['192.0.2.7']);
    await clock.advance(1_000);
    assert.deepEqual(told, [undefined]);
  });

  it('that the host does not listen on is tried again, less and less often', async (test) => {
    const { host, clock, told, start } = setUp(test);
    host.listens = false;
    await start();
    assert.deepEqual(told, [{ at: 'listening', text: 'box: the port is taken' }]);
    for (let seconds = 0; seconds < 600; seconds += 1) await clock.advance(1_000);
    assert.ok(host.attempts >= 15 && host.attempts <= 30, String(host.attempts));
    host.listens = true;
    for (let seconds = 0; seconds < 40; seconds += 1) await clock.advance(1_000);
    assert.deepEqual(told.slice(1), [undefined]);
  });

  it('is taken again soon after the way to the host was lost', async (test) => {
    const { host, clock, told, start } = setUp(test);
    await start();
    host.cut();
    await settle();
    assert.equal(told[1]?.text, 'box: the ssh connection has ended');
    await clock.advance(1_500);
    assert.deepEqual(told.slice(2), [undefined]);
    assert.equal(host.attempts, 2);
  });

  it('carries both ways, and ends with either end; too many are turned away', async (test) => {
    const server = createServer((socket) => socket.pipe(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    test.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const { host, start } = setUp(test, { to: { host: '127.0.0.1', port } });
    await start();
    const connection = (): { stream: Duplex; far: Duplex } => {
      const [up, down] = [new PassThrough(), new PassThrough()];
      return {
        stream: Duplex.from({ readable: up, writable: down }),
        far: Duplex.from({ readable: down, writable: up }),
      };
    };
    const { stream, far } = connection();
    far.on('error', () => undefined);
    host.onConnection?.(stream);
    far.write('hello');
    const heard = await new Promise((resolve) =>
      far.once('data', (chunk) => {
        resolve(String(chunk));
      }),
    );
    assert.equal(heard, 'hello');
    const many = Array.from({ length: 300 }, () => new PassThrough());
    for (const each of many) host.onConnection?.(each);
    assert.ok(many.filter(({ destroyed }) => destroyed).length >= 44);
    assert.ok(many.filter(({ destroyed }) => !destroyed).length >= 200);
  });
});
