import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ca, otherCa, serving } from '../../testing/certificates.ts';
import { clientCaProblem } from './client-ca.ts';
import { selfSignedCertificate } from '../../util/x509.ts';

const DAY_MS = 24 * 3_600_000;
const now = Date.now();
const cut = ca.replace(/\n[^\n]{20}/, '\n');
/** ends a year later */
const own = (await selfSignedCertificate('edge-1', { dnsNames: ['edge-1'], ips: [] }, now)).cert;

describe('what is wrong with a file of client CAs', () => {
  const rows: [string, string, number, [string, RegExp] | undefined][] = [
    ['nothing', ca, now, undefined],
    ['nothing with several', `${ca}\n# old\n${otherCa}`, now, undefined],
    ['nothing with one that vouches for itself', own, now, undefined],
    ['it is empty', '', now, ['unreadable', /^holds no certificate in PEM form/]],
    ['it is a key', serving.key, now, ['unreadable', /^holds no certificate/]],
    ['it is damaged', `${ca}${cut}`, now, ['unreadable', /^can't be read from certificate 2 on$/]],
    ['it has no CA', serving.cert, now, ['unreadable', /^holds no CA: CN=serving may not issue/]],
    ['it has expired', own, now + 366 * DAY_MS, ['expired', /^has expired on 20\d\d-.*Z: CN=edge-1$/]],
    ['one of two has expired, as when CAs change', `${own}${ca}`, now + 366 * DAY_MS, undefined],
    ['it ends soon', own, now + 360 * DAY_MS, ['soon', /^expires on 20\d\d-/]],
    ['it is from the future', own, now - DAY_MS, ['early', /^is valid only from 20.*: compare the clocks$/]],
  ];
  for (const [name, pem, at, expect] of rows)
    it(name, () => {
      const problem = clientCaProblem(pem, at);
      assert.equal(problem?.kind, expect?.[0]);
      if (expect !== undefined) assert.match(problem?.text ?? '', expect[1]);
    });

  it('thousands of certificates cost no more than their count', () => {
    assert.equal(clientCaProblem(ca.repeat(1_001), now)?.kind, 'unreadable');
  });
});
