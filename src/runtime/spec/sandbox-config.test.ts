import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { linuxHost, pod, runtimeSettings } from '../../testing/fixtures.ts';
import { sandboxConfig } from './sandbox-config.ts';

const input = {
  attempt: 0,
  dns: { servers: [], searches: [], options: [] },
  host: linuxHost({ memoryCapacityBytes: 2 ** 30 }),
  settings: runtimeSettings({ cluster: 'c', clusterDNS: [] }),
} as unknown as Parameters<typeof sandboxConfig>[1];

describe('the log folder of a pod', () => {
  const named = (length: number) => pod({ metadata: { name: 'x'.repeat(length) } });
  // <namespace>_<name>_<uid> is 255 bytes long at most
  const longest = 255 - 'default__uid-web'.length;

  it('is named as long as file systems allow', () => {
    const folder = `/var/log/pods/default_${'x'.repeat(longest)}_uid-web`;
    assert.equal(sandboxConfig(named(longest), input).log_directory, folder);
    assert.throws(() => sandboxConfig(named(longest + 1), input), {
      message: `mkdir /var/log/pods/default_${'x'.repeat(longest + 1)}_uid-web: file name too long`,
    });
  });

  it('leaves host names what the kernel takes', () => {
    assert.equal(sandboxConfig(named(200), input).hostname, 'x'.repeat(63));
  });
});

describe('the labels of a sandbox', () => {
  it("are the pod's and farlet's own, but none by which a pod would be a helper", () => {
    const labels = {
      app: 'web',
      'farlet.dev/helper': 'edge-1',
      'farlet.dev/helper-cluster': 'c',
      'farlet.dev/helper-spec': '1',
      'farlet.dev/helpers': 'mine',
      'farlet.dev/node': 'other',
    };
    assert.deepEqual(
      Object.entries(sandboxConfig(pod({ metadata: { labels } }), input).labels ?? {}).filter(
        ([key]) => !key.startsWith('io.'),
      ),
      [
        ['app', 'web'],
        ['farlet.dev/helpers', 'mine'],
        ['farlet.dev/node', 'edge-1'],
        ['farlet.dev/cluster', 'c'],
      ],
    );
  });
});
