import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadPackageDefinition, type MethodDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import fc from 'fast-check';
import { damaged, fuzz, hostileBytes } from '../../testing/fuzz.ts';
import type { ProtoGrpcType } from './generated/cri.ts';
import type { ListContainersResponse__Output } from './generated/runtime/v1/ListContainersResponse.ts';
import { ListDecoder } from './list-decoder.ts';

const file = new URL('../../../proto/cri.proto', import.meta.url).pathname;
const options = { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true } as const;
const { v1 } = (loadPackageDefinition(loadSync(file, options)) as unknown as ProtoGrpcType).runtime;
const { ListContainers } = v1.RuntimeService.service as unknown as {
  ListContainers: MethodDefinition<object, ListContainersResponse__Output>;
};
const encode = (...containers: object[]): Buffer => ListContainers.responseSerialize({ containers } as never);
const decoder = (monotonic = (): number => 0): ListDecoder<'containers'> =>
  new ListDecoder({ decode: ListContainers.responseDeserialize, field: 'containers', monotonic });
const decoded = (from: ListDecoder<'containers'>, bytes: Buffer): ListContainersResponse__Output =>
  from.decode(bytes) as ListContainersResponse__Output;

const container = (id: string, state = 'CONTAINER_RUNNING'): object => ({
  id,
  state,
  labels: { 'io.kubernetes.pod.uid': id, toString: 'é' },
  image: { image: 'x'.repeat(300) },
});

describe('a list that is asked for again', () => {
  const rows: { name: string; bytes: Buffer }[] = [
    { name: 'of nothing', bytes: encode() },
    { name: 'of one', bytes: encode(container('a')) },
    { name: 'of several', bytes: encode(container('a'), container('b'), container('c')) },
    { name: 'of the same twice', bytes: encode(container('a'), container('a')) },
    { name: 'with an empty item', bytes: encode({}, container('a')) },
    // field 15, a number: what a newer runtime may send
    {
      name: 'with a field that nobody knows',
      bytes: Buffer.concat([encode(container('a')), Buffer.from([0x78, 1]), encode(container('b'))]),
    },
  ];
  for (const { name, bytes } of rows)
    it(`${name} is what the whole is parsed to`, () => {
      const from = decoder();
      for (let times = 0; times < 3; times += 1)
        assert.deepEqual(decoded(from, bytes), ListContainers.responseDeserialize(bytes));
    });

  it('has the items that did not change, in whatever order they come, and new ones for those that did', () => {
    const from = decoder();
    decoded(from, encode());
    const [a, b] = decoded(from, encode(container('a'), container('b'))).containers;
    const [again, other] = decoded(
      from,
      encode(container('b'), container('a', 'CONTAINER_EXITED')),
    ).containers;
    assert.equal(again, b);
    assert.notEqual(other, a);
    assert.equal(other?.state, 'CONTAINER_EXITED');
    assert.notEqual(decoded(from, encode(container('a'))).containers[0], a, 'nothing older is kept');
  });

  it('keeps nothing of lists that come rarely', () => {
    let now = 0;
    const from = decoder(() => now);
    const next = (afterMs: number): unknown => {
      now += afterMs;
      return decoded(from, encode(container('a'))).containers[0];
    };
    next(0);
    const frequent = next(1_000);
    assert.equal(next(1_000), frequent);
    const rare = next(60_000);
    assert.notEqual(rare, frequent);
    assert.notEqual(next(1_000), rare, 'of the one before nothing was kept');
  });

  for (const [name, bytes] of [
    ['an item that is cut short', encode(container('a')).subarray(0, 40)],
    ['a length that never ends', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])],
    ['a tag alone', Buffer.from([0x0a])],
  ] as const)
    it(`${name} is refused as it is without it`, () => {
      assert.throws(() => ListContainers.responseDeserialize(Buffer.from(bytes)));
      assert.throws(() => decoder().decode(Buffer.from(bytes)));
    });
});

const good = encode(container('a'), container('b'), container('a'));
fuzz(
  'lists of a runtime: by items or as a whole, the same',
  fc.array(fc.oneof(hostileBytes(), damaged(good), fc.constant(good)), { minLength: 1, maxLength: 3 }),
  (answers) => {
    const from = decoder();
    for (const bytes of answers) {
      const read = (work: () => unknown): unknown => {
        try {
          return work();
        } catch (error) {
          assert.ok(error instanceof Error);
          return 'refused';
        }
      };
      assert.deepEqual(
        read(() => from.decode(bytes)),
        read(() => ListContainers.responseDeserialize(bytes)),
      );
    }
  },
);
