import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../model/kube.ts';
import { RuntimeCache } from '../../runtime/observed/runtime-cache.ts';
import { PodTable } from '../../sync/pod-table.ts';
import { FakeClock, pod } from '../../testing/fixtures.ts';
import { isMeant, type PodSource } from './find.ts';

describe('the pod that a path names', () => {
  const own = pod({ metadata: { uid: 'of-the-file' } });
  const mirror = pod({ metadata: { uid: 'of-the-mirror' } });
  const app = (mirrorOf: Pod | undefined): PodSource => ({
    table: new PodTable(),
    cache: new RuntimeCache({ clock: new FakeClock() }),
    mirrorOf: () => mirrorOf,
  });
  const rows: readonly [string, string | undefined, Pod | undefined, boolean][] = [
    ['no UID', undefined, undefined, true],
    ['its own UID', 'of-the-file', undefined, true],
    ["its mirror's UID", 'of-the-mirror', mirror, true],
    ["another pod's UID", 'other', mirror, false],
    ['the UID of a mirror that is gone', 'of-the-mirror', undefined, false],
  ];
  for (const [what, uid, subject, expected] of rows)
    it(what, () => {
      const target = { namespace: 'default', pod: 'web', container: 'c', uid };
      assert.equal(isMeant(app(subject), own, target), expected);
    });
});
