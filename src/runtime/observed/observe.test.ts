import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerStatus__Output } from '../../hosts/cri/generated/runtime/v1/ContainerStatus.ts';
import type { PodSandboxStatus__Output } from '../../hosts/cri/generated/runtime/v1/PodSandboxStatus.ts';
import { annotations } from '../../model/labels.ts';
import { sandboxStatus } from '../../testing/fake-host.ts';
import { observedContainer, observedSandbox } from './observe.ts';

describe('the addresses of a sandbox', () => {
  const rows: { name: string; change: object; ips: string[]; lacksAddress: boolean }[] = [
    { name: 'are the first and the others', change: {}, ips: ['10.0.0.2', 'fd00::2'], lacksAddress: false },
    {
      name: 'lack if the first is empty',
      change: { network: { ip: '', additional_ips: [] } },
      ips: [],
      lacksAddress: true,
    },
    {
      name: 'are doubtful if one is none, but do not lack',
      change: { network: { ip: '10.0.0.2', additional_ips: [{ ip: 'x' }] } },
      ips: [],
      lacksAddress: false,
    },
    {
      name: 'are not told if there is no word of its network, but do not lack',
      change: { network: null },
      ips: [],
      lacksAddress: false,
    },
    {
      name: "are not its own on the host's network",
      change: { linux: { namespaces: { options: { network: 'NODE' } } } },
      ips: [],
      lacksAddress: false,
    },
  ];
  for (const { name, change, ips, lacksAddress } of rows)
    it(name, () => {
      const status = { ...sandboxStatus(['10.0.0.2', 'fd00::2']), ...change } as PodSandboxStatus__Output;
      const seen = observedSandbox(status);
      assert.deepEqual([seen.ips, seen.lacksAddress], [ips, lacksAddress]);
    });
});

describe("the file for a container's last words", () => {
  const mounts = [
    { container_path: '/etc/hosts', host_path: '/host/hosts' },
    { container_path: '/tmp/said', host_path: '/host/said' },
  ];
  const rows: { name: string; path: string | undefined; file: string | undefined }[] = [
    { name: 'is what is mounted where it was told to leave them', path: '/tmp/said', file: '/host/said' },
    { name: 'is told without its slash as well', path: 'tmp/said', file: '/host/said' },
    { name: 'is none where nothing is mounted', path: '/tmp/other', file: undefined },
    { name: 'is none where it was told nothing', path: undefined, file: undefined },
  ];
  for (const { name, path, file } of rows)
    it(name, () => {
      const marks = path === undefined ? {} : { [annotations.terminationMessagePath]: path };
      const status = { mounts, annotations: marks } as unknown as ContainerStatus__Output;
      assert.equal(observedContainer(status, 's').terminationFile, file);
    });
});
