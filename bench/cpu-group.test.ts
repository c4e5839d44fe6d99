import assert from 'node:assert/strict';
import { it } from 'node:test';
import { cgroup2Mount } from './cpu-group.ts';

it('the mount of the unified cgroups is found where it is, and only there', () => {
  const lines = [
    '30 24 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu',
    '31 24 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw',
  ];
  assert.equal(cgroup2Mount(lines.join('\n')), '/sys/fs/cgroup/unified');
  assert.equal(cgroup2Mount(lines[0] ?? ''), undefined);
});
