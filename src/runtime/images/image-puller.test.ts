import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FarletError } from '../../model/errors.ts';
import type { Secret } from '../../model/kube.ts';
import { podReference } from '../../model/pod-ref.ts';
import { criFault, FakeCri, FakeEvents, openAccess } from '../../testing/fake-host.ts';
import { FakeClock, pod, settle } from '../../testing/fixtures.ts';
import { type ImageRequest, ImagePuller, type ImagePullerOptions } from './image-puller.ts';
import { PullBackoff } from './pull-backoff.ts';
import { PullRate } from './pull-rate.ts';

const subject = pod({ metadata: { annotations: { note: 'hi' } } });
const { signal } = new AbortController();
const about = podReference(subject, 'spec.containers{c}');

function setUp(
  answers: ConstructorParameters<typeof FakeCri>[0] = {},
  rate = { perSecond: 0, burst: 0 },
  access: Partial<ImagePullerOptions['access']> = {},
) {
  const cri = new FakeCri(answers);
  const events = new FakeEvents();
  const clock = new FakeClock();
  const pulled: { seconds: number; sizeBytes: number }[] = [];
  const images = new ImagePuller({
    cri: cri.client,
    events,
    clock,
    width: 1,
    rate: new PullRate(rate),
    access: { ...openAccess, ...access },
    onPulled: (pull) => pulled.push(pull),
  });
  return { cri, events, clock, images, pulled };
}

function request(change: Partial<ImageRequest> = {}): ImageRequest {
  return {
    pod: subject,
    image: 'r.io/a',
    pullPolicy: 'IfNotPresent',
    about,
    pullSecrets: [],
    sandboxConfig: {},
    ...change,
  };
}

function image(change: object = {}): object {
  return { image: { id: 'sha256:bb', size: 5, uid: null, username: '', ...change }, info: {} };
}

/** Not there until it is pulled. */
function absent(): Record<string, () => unknown> {
  let there = false;
  return {
    imageStatus: () => (there ? image() : { image: null }),
    pullImage: () => {
      there = true;
      return { image_ref: 'sha256:bb' };
    },
  };
}

describe('images', () => {
  it('uses what is there', async () => {
    const { cri, events, images } = setUp({ imageStatus: () => image({ uid: { value: 1000 } }) });
    const ready = await images.ensureImage(request(), { signal });
    assert.deepEqual(ready, { imageRef: 'sha256:bb', user: { uid: 1000 } });
    assert.deepEqual(cri.calls, [
      { method: 'imageStatus', request: { image: { image: 'r.io/a:latest', annotations: { note: 'hi' } } } },
    ]);
    assert.deepEqual(events.seen, [
      'Normal Pulled spec.containers{c}: Container image "r.io/a" already present on machine and can be accessed by the pod',
    ]);
  });

  it('pulls what is there when the pod must show that it may have it, and tells what it was pulled with', async () => {
    const told: unknown[] = [];
    const { events, images } = setUp(
      { imageStatus: () => image(), pullImage: () => ({ image_ref: 'sha256:bb' }) },
      undefined,
      {
        mayUse: ({ image: name, imageRef }) => {
          told.push(['mayUse', name, imageRef]);
          return Promise.resolve(false);
        },
        pulling: (name) => {
          told.push(['pulling', name]);
          return Promise.resolve();
        },
        pulled: (name, { imageRef, with: pulledWith }) => {
          told.push(['pulled', name, imageRef, pulledWith]);
          return Promise.resolve();
        },
      },
    );
    await images.ensureImage(request(), { signal });
    assert.deepEqual(told, [
      ['mayUse', 'r.io/a', 'sha256:bb'],
      ['pulling', 'r.io/a'],
      ['pulled', 'r.io/a', 'sha256:bb', { open: true }],
    ]);
    assert.match(events.seen[1] ?? '', /Successfully pulled/);
    await assert.rejects(images.ensureImage(request({ pullPolicy: 'Never' }), { signal }), {
      reason: 'ErrImageNeverPull',
      message: 'Container image "r.io/a" is not present with pull policy of Never',
    });
  });

  it('begins no pull that it cannot write down', async () => {
    const { cri, images } = setUp({ imageStatus: () => ({ image: null }) }, undefined, {
      pulling: () => Promise.reject(new FarletError('resource-exhausted', 'disk full')),
    });
    await assert.rejects(images.ensureImage(request(), { signal }), {
      message: 'Failed to record image pull intent for container image "r.io/a": disk full',
    });
    assert.deepEqual(cri.names(), ['imageStatus']);
  });

  it('asks once for images that several containers use, and knows what was pulled meanwhile', async () => {
    const { cri, images } = setUp(absent());
    const known = images.ask(
      [1, 2, 3].map(() => ({ pod: subject, image: 'r.io/a', pullPolicy: 'IfNotPresent' })),
      signal,
    );
    await images.ensureImage(request({ known }), { signal });
    await images.ensureImage(request({ known }), { signal });
    assert.deepEqual(cri.names(), ['imageStatus', 'pullImage', 'imageStatus']);
  });

  it('pulls what is missing and tells how long it took', async () => {
    const { cri, events, images, pulled } = setUp(absent());
    await images.ensureImage(request(), { signal });
    assert.deepEqual(cri.calls[1]?.request, {
      image: { image: 'r.io/a:latest', annotations: { note: 'hi' } },
      sandbox_config: {},
    });
    assert.deepEqual(events.seen, [
      'Normal Pulling spec.containers{c}: Pulling image "r.io/a"',
      'Normal Pulled spec.containers{c}: Successfully pulled image "r.io/a" in 0s (0s including waiting). Image size: 5 bytes.',
    ]);
    assert.deepEqual(pulled, [{ podUid: 'uid-web', seconds: 0, sizeBytes: 5 }]);
  });

  it('Always pulls although it is there; the user may be a name', async () => {
    const { cri, images } = setUp({ imageStatus: () => image({ username: 'app' }) });
    const { user } = await images.ensureImage(request({ pullPolicy: 'Always' }), { signal });
    assert.deepEqual(user, { username: 'app' });
    assert.deepEqual(cri.names(), ['pullImage', 'imageStatus']);
  });

  const failures: [
    name: string,
    change: Partial<ImageRequest>,
    reason: string,
    message: string,
    event: string,
  ][] = [
    [
      'Never and absent',
      { pullPolicy: 'Never' },
      'ErrImageNeverPull',
      'Container image "r.io/a" is not present with pull policy of Never',
      'Warning ErrImageNeverPull',
    ],
    [
      'no name',
      { image: 'UPPER//bad' },
      'InvalidImageName',
      'Failed to apply default image tag "UPPER//bad": couldn\'t parse image name "UPPER//bad": invalid reference format',
      'Warning InspectFailed',
    ],
  ];
  for (const [name, change, reason, message, event] of failures)
    it(name, async () => {
      const { events, images } = setUp({ imageStatus: () => ({ image: null }) });
      await assert.rejects(images.ensureImage(request(change), { signal }), { reason, message });
      assert.deepEqual(events.seen, [`${event} spec.containers{c}: ${message}`]);
    });

  it('says when the runtime could not tell', async () => {
    const { images } = setUp({
      imageStatus: () => {
        throw criFault('boom');
      },
    });
    await assert.rejects(images.ensureImage(request(), { signal }), {
      reason: 'ImageInspectError',
      message: 'Failed to inspect image "": rpc error: code = Unknown desc = boom',
    });
  });

  it('holds back after a failure, for longer each time', async () => {
    const { cri, events, clock, images } = setUp({
      imageStatus: () => ({ image: null }),
      pullImage: () => {
        throw criFault('connection refused');
      },
    });
    const failing = (): Promise<unknown> => images.ensureImage(request(), { signal });
    await assert.rejects(failing(), { reason: 'ErrImagePull', message: 'connection refused' });
    await assert.rejects(failing(), {
      reason: 'ImagePullBackOff',
      message: 'Back-off pulling image "r.io/a": ErrImagePull: connection refused',
    });
    await clock.advance(10_000);
    await assert.rejects(failing(), { reason: 'ErrImagePull' });
    await clock.advance(19_000);
    await assert.rejects(failing(), { reason: 'ImagePullBackOff' });
    assert.equal(cri.names().filter((name) => name === 'pullImage').length, 2);
    assert.deepEqual(events.seen.slice(0, 3), [
      'Normal Pulling spec.containers{c}: Pulling image "r.io/a"',
      'Warning Failed spec.containers{c}: Failed to pull image "r.io/a": connection refused',
      'Normal BackOff spec.containers{c}: Back-off pulling image "r.io/a"',
    ]);
  });

  it('names what the runtime knows of registries and signatures', async () => {
    for (const [said, reason, message] of [
      [
        'RegistryUnavailable: 503',
        'RegistryUnavailable',
        'image pull failed for r.io/a because the registry is unavailable: 503',
      ],
      [
        'SignatureValidationFailed',
        'SignatureValidationFailed',
        'image pull failed for r.io/a because the signature validation failed',
      ],
    ] as const) {
      const { images } = setUp({
        pullImage: () => {
          throw criFault(said);
        },
      });
      await assert.rejects(images.ensureImage(request({ pullPolicy: 'Always' }), { signal }), {
        reason,
        message,
      });
    }
  });

  it('tries each credential that fits, and shows all their failures', async () => {
    const config = {
      auths: { 'r.io': { username: 'a', password: '1' }, 'r.io/a': { username: 'b', password: '2' } },
    };
    const secret: Secret = {
      type: 'kubernetes.io/dockerconfigjson',
      data: { '.dockerconfigjson': btoa(JSON.stringify(config)) },
    };
    const { cri, images } = setUp({
      pullImage: ({ auth }: { auth: { username: string } }) => {
        throw criFault(`no ${auth.username}`);
      },
    });
    const pulling = images.ensureImage(request({ pullPolicy: 'Always', pullSecrets: [secret] }), { signal });
    await assert.rejects(pulling, { message: '[no b, no a]' });
    assert.deepEqual(
      cri.calls.map((call) => call.request.auth),
      [
        { username: 'b', password: '2' },
        { username: 'a', password: '1' },
      ],
    );
  });

  it('pulls one at a time; a pull that hangs holds up only pulls', async () => {
    const gate = Promise.withResolvers<object>();
    const { cri, images } = setUp({ pullImage: () => gate.promise });
    const first = images.ensureImage(request({ pullPolicy: 'Always' }), { signal });
    const second = images.ensureImage(request({ pullPolicy: 'Always', image: 'r.io/b' }), { signal });
    await images.ensureImage(request({ image: 'r.io/c' }), { signal });
    await settle();
    assert.equal(cri.names().filter((name) => name === 'pullImage').length, 1);
    gate.resolve({ image_ref: 'sha256:bb' });
    await Promise.all([first, second]);
    assert.equal(cri.names().filter((name) => name === 'pullImage').length, 2);
  });

  it('an abort is no failure', async () => {
    const stop = new AbortController();
    const { events, images } = setUp({ pullImage: () => new Promise(() => undefined) });
    const waiting = images.ensureImage(request({ pullPolicy: 'Always' }), { signal });
    waiting.catch(() => undefined);
    const pulling = images.ensureImage(request({ pullPolicy: 'Always', image: 'r.io/b' }), {
      signal: stop.signal,
    });
    await settle();
    stop.abort(new FarletError('cancelled', 'pod deleted'));
    await assert.rejects(pulling, { message: 'pod deleted' });
    assert.ok(!events.seen.some((event) => event.startsWith('Warning')));
  });

  it('begins only so many pulls a second', async () => {
    const { images, clock } = setUp({}, { perSecond: 1, burst: 1 });
    const pull = (name: string): Promise<unknown> =>
      images.ensureImage(request({ pullPolicy: 'Always', image: name }), { signal });
    await pull('r.io/a');
    await assert.rejects(pull('r.io/b'), { reason: 'ErrImagePull', message: 'pull QPS exceeded' });
    await clock.advance(1000);
    await pull('r.io/c');
  });
});

describe('pull backoff', () => {
  it('doubles up to the cap and forgets after twice the cap', () => {
    const backoff = new PullBackoff();
    let now = 0;
    const waits = Array.from({ length: 7 }, () => {
      backoff.failed('k', now, 'why');
      const until = backoff.heldBack('k', now)?.until ?? now;
      const wait = until - now;
      now = until;
      return wait / 1000;
    });
    assert.deepEqual(waits, [10, 20, 40, 80, 160, 300, 300]);
    assert.equal(backoff.heldBack('k', now), undefined);
    now += 600_001;
    backoff.failed('k', now, 'why');
    assert.equal(backoff.heldBack('k', now)?.until, now + 10_000);
    assert.equal(backoff.heldBack('other', now), undefined);
  });
});
