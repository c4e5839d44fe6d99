import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { criFault, FakeCri } from '../../testing/fake-host.ts';
import { FakeClock, quietLog } from '../../testing/fixtures.ts';
import { HelperPod } from './helper-pod.ts';

const signal = AbortSignal.timeout(60_000);

function setUp() {
  const clock = new FakeClock();
  const cri = new FakeCri({
    listPodSandbox: () => ({ items: [] }),
    listContainers: () => ({ containers: [] }),
    runtimeConfig: () => ({ linux: { cgroup_driver: 'CGROUPFS' } }),
  });
  const now: { fault: string | undefined } = { fault: undefined };
  const helper = new HelperPod({
    host: 'box',
    owner: { node: 'n', cluster: 'c' },
    image: 'localhost/busybox:1',
    cgroupDriver: 'cgroupfs',
    cri: cri.client,
    clock,
    log: quietLog,
    fault: () => now.fault,
    try: () => Promise.resolve(),
  });
  /** How many attempts ten minutes of asking each second make. */
  const attempts = async (): Promise<number> => {
    cri.calls.length = 0;
    for (let second = 0; second < 600; second += 1) {
      await helper.container({ signal }).catch(() => undefined);
      await clock.advance(1_000);
    }
    return cri.names().filter((name) => name === 'listPodSandbox').length;
  };
  return { clock, cri, helper, now, attempts };
}

describe('a helper that could not be made', () => {
  it('is tried ever more rarely while the runtime refuses it', async () => {
    const { cri, attempts } = setUp();
    cri.answers.runPodSandbox = () => Promise.reject(criFault('no room', 'internal'));
    const count = await attempts();
    assert.ok(count > 10 && count < 40, String(count));
  });

  const rows = [
    { what: 'can not be reached', kind: 'unavailable', fault: 'box: nothing listens there' },
    { what: 'does not answer', kind: 'deadline-exceeded', fault: undefined },
  ] as const;
  for (const { what, kind, fault } of rows)
    it(`is tried as often as it is asked for while the runtime ${what}, and is there at once when it does`, async () => {
      const { cri, helper, now, attempts } = setUp();
      const list = cri.answers.listPodSandbox;
      cri.answers.listPodSandbox = () => Promise.reject(criFault('gone', kind));
      now.fault = fault;
      assert.equal(await attempts(), 600);
      if (list !== undefined) cri.answers.listPodSandbox = list;
      now.fault = undefined;
      assert.equal(await helper.container({ signal }), 'container-1');
    });
});
