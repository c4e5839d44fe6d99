import { Server, ServerCredentials, type Metadata } from '@grpc/grpc-js';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CriError } from '../../model/errors.ts';
import type { CriClient } from './calls.ts';
import { connectCri, type ConnectCriOptions } from './connect.ts';

const folder = mkdtempSync(join(tmpdir(), 'farlet-cri-'));
const target = `unix:${folder}/cri.sock`;
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** A runtime that answers every Version with nothing, refuses Status, and has no message for ListImages. */
describe('calls of a host', () => {
  const server = new Server();
  const seen: Metadata[] = [];
  before(async () => {
    const empty = (): Buffer => Buffer.alloc(0);
    const call = (name: string, answer = empty, service = 'RuntimeService') => ({
      path: `/runtime.v1.${service}/${name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: empty,
      requestDeserialize: () => ({}),
      responseSerialize: answer,
      responseDeserialize: () => ({}),
    });
    server.addService(
      {
        Version: call('Version'),
        Status: call('Status'),
        ListImages: call('ListImages', () => Buffer.from('no message'), 'ImageService'),
      },
      {
        ListImages: (_call: unknown, answer: (error: null, value: object) => void) => {
          answer(null, {});
        },
        Version: ({ metadata }: { metadata: Metadata }, answer: (error: null, value: object) => void) => {
          seen.push(metadata);
          answer(null, {});
        },
        Status: (_call: unknown, answer: (error: { code: number; details: string }) => void) => {
          answer({ code: 13, details: 'no' });
        },
      },
    );
    await new Promise((resolve) => {
      server.bindAsync(target, ServerCredentials.createInsecure(), resolve);
    });
  });
  after(() => {
    server.forceShutdown();
    rmSync(folder, { recursive: true });
  });

  const using = async (
    onBegin: ConnectCriOptions['onBegin'],
    work: (cri: CriClient) => Promise<unknown>,
  ): Promise<void> => {
    const cri = connectCri({ endpoint: { target }, host: 'box', onBegin });
    try {
      await work(cri);
    } finally {
      cri.close();
    }
  };

  it('carry the trace that they are part of, and tell their end', async () => {
    const told: unknown[] = [];
    const onBegin = (service: string, method: string) => ({
      traceparent: TRACEPARENT,
      end: ({ error }: { error?: unknown }) => told.push([service, method, error]),
    });
    await using(onBegin, async (cri) => {
      await cri.version({});
      await assert.rejects(cri.status({}), (error) => {
        assert.deepEqual(told, [
          ['runtime.v1.RuntimeService', 'Version', undefined],
          ['runtime.v1.RuntimeService', 'Status', error],
        ]);
        return true;
      });
    });
    assert.deepEqual(seen.at(-1)?.get('traceparent'), [TRACEPARENT]);
  });

  it('fail where the answer is no such message, as the runtime has it wrong', async () => {
    await using(undefined, async (cri) => {
      await assert.rejects(cri.listImages({}), (error: unknown) => {
        assert.ok(error instanceof CriError);
        assert.deepEqual([error.kind, error.host, error.method], ['internal', 'box', 'ListImages']);
        assert.match(error.message, /code = Internal desc = the answer cannot be read/);
        return true;
      });
    });
  });

  it('carry nothing where there is no trace', async () => {
    await using(
      () => undefined,
      (cri) => cri.version({}),
    );
    await using(undefined, (cri) => cri.version({}));
    assert.deepEqual(
      seen.slice(-2).map((metadata) => metadata.get('traceparent')),
      [[], []],
    );
  });
});
