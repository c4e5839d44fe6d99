/**
 * Logs as the bytes they are, however they are asked for, and termination messages of them: here (`make
 * test`) or over ssh or tcp (`make test-remote`).
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import type { Duplex } from 'node:stream';
import { before, describe, it } from 'node:test';
import { linkHosts, nearAddress } from '../harness/link-hosts.ts';
import { useNamespace } from '../harness/namespace.ts';
import { shell } from '../harness/pods.ts';
import { useWorld } from '../harness/world.ts';

const world = useWorld({
  hosts: linkHosts,
  farlet: { config: { address: '0.0.0.0' }, node: ({ name }) => ({ nodeIP: nearAddress(world.host(name)) }) },
});
const WAIT_MS = 20_000;
const RAW = 'caf\xe9\n\xff\xfe\0\x01x\n\xf0\x9f\x98A\xe2\x82B\nlast \xc3';
const SAY_RAW = String.raw`printf "caf\351\n\377\376\000\001x\n\360\237\230A\342\202B\nlast \303"`;

interface Answer {
  readonly body: Buffer;
  /** of a WebSocket: what came in messages */
  readonly messages: Buffer;
}

/** Asks the API server itself, as kubectl decodes nothing but shows text. */
function ask(path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const { users } = JSON.parse(readFileSync(world.plane.kubeconfig, 'utf8')) as {
    users: [{ user: { 'client-certificate': string; 'client-key': string } }];
  };
  const [{ user }] = users;
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, world.plane.server), {
      headers,
      cert: readFileSync(user['client-certificate']),
      key: readFileSync(user['client-key']),
      rejectUnauthorized: false,
      agent: false,
      signal: AbortSignal.timeout(WAIT_MS),
    });
    sent.once('error', reject);
    const all = async (stream: AsyncIterable<Buffer>, first: readonly Buffer[] = []): Promise<Buffer> => {
      const chunks = [...first];
      for await (const chunk of stream) chunks.push(chunk);
      return Buffer.concat(chunks);
    };
    sent.once('response', (answer) => {
      all(answer).then((body) => {
        resolve({ body, messages: Buffer.alloc(0) });
      }, reject);
    });
    sent.once('upgrade', (_answer, socket: Duplex, head: Buffer) => {
      all(socket, [head]).then((bytes) => {
        resolve({ body: Buffer.alloc(0), messages: payloads(bytes) });
      }, reject);
    });
    sent.end();
  });
}

/** What a server's unmasked binary and text frames carry (RFC 6455, 5.2), put together. */
function payloads(bytes: Buffer): Buffer {
  const found: Buffer[] = [];
  for (let at = 0; at + 2 <= bytes.length;) {
    const opcode = bytes.readUInt8(at) & 0x0f;
    const short = bytes.readUInt8(at + 1) & 0x7f;
    const start = at + (short === 126 ? 4 : short === 127 ? 10 : 2);
    const length =
      short === 126 ? bytes.readUInt16BE(at + 2) : short === 127 ? bytes.readUInt32BE(at + 6) : short;
    if (opcode === 1 || opcode === 2) found.push(bytes.subarray(start, start + length));
    at = start + length;
  }
  return Buffer.concat(found);
}

for (const node of world.nodes) {
  describe(`logs on ${node}`, () => {
    const space = useNamespace(world, { name: `logs-${node}`, node });
    const logOf = (pod: string, query = ''): string =>
      `/api/v1/namespaces/${space.name}/pods/${pod}/log?${query}`;
    const read = async (pod: string, query = ''): Promise<string> =>
      (await ask(logOf(pod, query))).body.toString('latin1');
    const over = (pod: string): Promise<unknown> =>
      space.wait(
        `${pod} to be over`,
        async () => (await space.container(pod))?.state.terminated !== undefined,
      );

    before(async () => {
      const ends = { restartPolicy: 'Never' };
      await space.createPod('raw', {
        ...ends,
        containers: [shell(`${SAY_RAW}; exit 3`, { terminationMessagePolicy: 'FallbackToLogsOnError' })],
      });
      await space.createPod('long', {
        ...ends,
        containers: [
          shell('echo first; head -c 40000 /dev/zero | tr "\\0" A; echo END; exit 3', {
            terminationMessagePolicy: 'FallbackToLogsOnError',
          }),
        ],
      });
      await space.createPod('busy', {
        containers: [shell('i=0; while :; do echo line $i; i=$((i+1)); done')],
      });
      await Promise.all([over('raw'), over('long'), space.waitReady('busy')]);
    });

    for (const [way, query] of [
      ['all of it', ''],
      ['followed', 'follow=true'],
      ['by time', 'sinceSeconds=3600'],
    ] as const)
      it(`keep their bytes: ${way}`, async () => {
        assert.equal(await read('raw', query), RAW);
      });

    it('keep their bytes at the end, up to a limit, and behind stamps', async () => {
      assert.equal(await read('raw', 'tailLines=2'), RAW.slice(RAW.indexOf('\xf0')));
      assert.equal(await read('raw', 'limitBytes=7'), RAW.slice(0, 7));
      const stamped = await read('raw', 'timestamps=true');
      assert.equal(stamped.replaceAll(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}(Z|[+-]\d\d:\d\d) /gm, ''), RAW);
    });

    it('reach clients over WebSockets to their end, every time', async () => {
      const headers = {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': Buffer.alloc(16).toString('base64'),
        'sec-websocket-protocol': 'binary.k8s.io',
      };
      for (let times = 0; times < 5; times += 1)
        assert.equal((await ask(logOf('raw'), headers)).messages.toString('latin1'), RAW);
    });

    it('are whole every time, however soon after each other they are asked for', async () => {
      // the API server keeps its connections to a kubelet: its next request may overtake the end of the
      // answer before it
      for (let times = 0; times < 100; times += 1)
        assert.equal(await read('raw'), RAW, `the ${times}th time`);
    });

    it('stamp a line of several entries once, and count entries', async () => {
      const stamped = await read('long', 'timestamps=true');
      assert.equal(stamped.match(/\d{4}-\d\d-\d\dT/g)?.length, 2);
      assert.equal((await read('long')).length, 6 + 40_000 + 4);
      assert.equal((await read('long', 'tailLines=1')).length, 40_000 + 4 - 2 * 16_384);
    });

    it('are no more than was asked for, however much comes meanwhile', async () => {
      for (let times = 0; times < 5; times += 1)
        assert.match(await read('busy', 'tailLines=1'), /^line \d+\n$/);
    });

    it('give their end as a message', async () => {
      const message = async (pod: string): Promise<string | undefined> =>
        (await space.container(pod))?.state.terminated?.message;
      assert.equal(await message('long'), `${'A'.repeat(2044)}END\n`);
      // a kubelet's JSON has U+FFFD for each byte that is no text
      assert.equal(
        await message('raw'),
        'caf\ufffd\n\ufffd\ufffd\0\x01x\n\ufffd\ufffd\ufffdA\ufffd\ufffdB\nlast \ufffd',
      );
    });
  });
}
