import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerStatus } from '../../model/kube.ts';
import { logTarget, type LogTarget } from './log-target.ts';

const base: ContainerStatus = { name: 'c', image: 'i', imageID: '', ready: false, restartCount: 0 };
const ended = (containerID?: string) => ({
  terminated: { exitCode: 1, ...(containerID === undefined ? {} : { containerID }) },
});
const refused = (why: string): LogTarget => ({ refusal: `container "c" in pod "p" ${why}` });

describe('log target', () => {
  const rows: {
    name: string;
    status: Partial<ContainerStatus> | undefined;
    previous?: boolean;
    expect: LogTarget;
  }[] = [
    { name: 'no status', status: undefined, expect: refused('is not available') },
    {
      name: 'running',
      status: { state: { running: {} }, containerID: 'containerd://a' },
      expect: { containerID: 'containerd://a' },
    },
    {
      name: 'terminated',
      status: { state: ended('containerd://a'), lastState: ended('containerd://b') },
      expect: { containerID: 'containerd://a' },
    },
    {
      name: 'terminated without id: the last one',
      status: { state: ended(), lastState: ended('containerd://b') },
      expect: { containerID: 'containerd://b' },
    },
    { name: 'terminated, never run', status: { state: ended() }, expect: refused('is terminated') },
    {
      name: 'waiting after a crash: the last one',
      status: { state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: ended('containerd://b') },
      expect: { containerID: 'containerd://b' },
    },
    {
      name: 'waiting to start',
      status: { state: { waiting: { reason: 'ContainerCreating' } } },
      expect: refused('is waiting to start: ContainerCreating'),
    },
    {
      name: 'image failed',
      status: { state: { waiting: { reason: 'ErrImagePull' } } },
      expect: refused("is waiting to start: image can't be pulled"),
    },
    {
      name: 'image keeps failing',
      status: { state: { waiting: { reason: 'ImagePullBackOff' } } },
      expect: refused('is waiting to start: trying and failing to pull image'),
    },
    {
      name: 'waiting for no reason',
      status: { state: { waiting: {} } },
      expect: refused('is waiting to start: '),
    },
    {
      name: 'terminated with an empty id',
      status: { state: ended(''), lastState: ended('containerd://b') },
      expect: { containerID: 'containerd://b' },
    },
    {
      name: 'previous with an empty id',
      status: { state: { running: {} }, containerID: 'containerd://a', lastState: ended('') },
      previous: true,
      expect: { refusal: 'previous terminated container "c" in pod "p" not found' },
    },
    { name: 'no state at all', status: {}, expect: refused('is waiting to start - no logs yet') },
    {
      name: 'previous',
      status: { state: { running: {} }, containerID: 'containerd://a', lastState: ended('containerd://b') },
      previous: true,
      expect: { containerID: 'containerd://b' },
    },
    {
      name: 'previous that never was',
      status: { state: { running: {} }, containerID: 'containerd://a' },
      previous: true,
      expect: { refusal: 'previous terminated container "c" in pod "p" not found' },
    },
  ];
  for (const { name, status, previous = false, expect } of rows)
    it(name, () => {
      const whole = status === undefined ? undefined : { ...base, ...status };
      assert.deepEqual(logTarget('p', 'c', { status: whole, previous }), expect);
    });
});
