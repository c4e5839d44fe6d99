import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { requestAttributes } from './attributes.ts';

describe('what a request asks leave for', () => {
  const rows: [request: string, verb: string, subresources: string[]][] = [
    ['GET /pods', 'get', ['pods', 'proxy']],
    ['POST /pods/', 'create', ['pods', 'proxy']],
    ['GET /runningpods/', 'get', ['pods', 'proxy']],
    ['GET /podsx', 'get', ['proxy']],
    ['GET /healthz/syncloop', 'get', ['healthz', 'proxy']],
    ['GET /configz', 'get', ['configz', 'proxy']],
    ['GET /flagz', 'get', ['configz']],
    ['GET /statusz', 'get', ['statusz']],
    ['GET /stats/summary', 'get', ['stats']],
    ['POST /stats/summary', 'create', ['stats']],
    ['GET /metrics', 'get', ['metrics']],
    ['GET /metrics/cadvisor', 'get', ['metrics']],
    ['GET /logs/', 'get', ['log']],
    ['POST /checkpoint/ns/p/c', 'create', ['checkpoint']],
    ['GET /containerLogs/ns/p/c', 'get', ['proxy']],
    ['PUT /x', 'update', ['proxy']],
    ['PATCH /x', 'patch', ['proxy']],
    ['DELETE /x', 'delete', ['proxy']],
    ['constructor /x', '', ['proxy']],
    ['POST /exec/ns/p/c', 'create', ['proxy']],
    ['GET /exec/ns/p/c', 'create', ['proxy']],
    ['GET /exec', 'create', ['proxy']],
    ['GET /attach/ns/p/c', 'create', ['proxy']],
    ['GET /portForward/ns/p', 'create', ['proxy']],
    ['GET /run/ns/p/c', 'create', ['proxy']],
    ['PUT /run/ns/p/c', 'create', ['proxy']],
    ['GET /running', 'get', ['proxy']],
    ['GET /execute/ns/p/c', 'get', ['proxy']],
  ];
  for (const [request, verb, subresources] of rows)
    it(request, () => {
      const [method = '', path = ''] = request.split(' ');
      assert.deepEqual(requestAttributes(method, path, 'create'), { verb, subresources });
    });

  it('the verb that the method stands for, as a kubelet asks, if so configured', () => {
    assert.equal(requestAttributes('GET', '/exec/ns/p/c', 'method').verb, 'get');
    assert.equal(requestAttributes('POST', '/exec/ns/p/c', 'method').verb, 'create');
  });
});
