import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { handlerSettings, runtimeHandlers } from './runtime-handlers.ts';

const runtime = (runtimeType: string, more: object = {}): object => ({ runtimeType, options: null, ...more });
const config = (runtimes: object, defaultRuntimeName = 'runc'): string =>
  JSON.stringify({ containerd: { defaultRuntimeName, runtimes } });
const listed = (...names: string[]) =>
  names.map((name) => ({ name, features: { recursive_read_only_mounts: true, user_namespaces: false } }));

interface Case {
  readonly what: string;
  readonly listed: ReturnType<typeof listed>;
  readonly config: string | undefined;
  readonly sandboxed?: readonly string[];
  /** names; + for a kernel of its own */
  readonly expect: string;
}

const cases: Case[] = [
  { what: 'a runtime that tells nothing', listed: [], config: undefined, expect: '' },
  {
    what: 'a list alone: names tell',
    listed: listed('', 'kata-qemu', 'mine'),
    config: undefined,
    expect: ',kata-qemu+,mine',
  },
  {
    what: 'what is no JSON (CRI-O)',
    listed: listed('kata', 'crun'),
    config: '[crio]\n',
    expect: 'kata+,crun',
  },
  {
    what: 'types go before names',
    listed: listed('', 'kata', 'vm', 'safe', 'runc'),
    config: config({
      kata: runtime('io.containerd.runc.v2'),
      vm: runtime('io.containerd.kata-qemu.v2'),
      safe: runtime('io.containerd.runsc.v1'),
      runc: runtime('io.containerd.runc.v2'),
    }),
    expect: ',kata,vm+,safe+,runc',
  },
  {
    what: 'the default handler is the one that is named as such',
    listed: listed('', 'vm'),
    config: config({ vm: runtime('io.containerd.kata.v2') }, 'vm'),
    expect: '+,vm+',
  },
  {
    what: 'a VM behind the shim of runc',
    listed: listed('vm'),
    config: config({ vm: runtime('io.containerd.runc.v2', { options: { BinaryName: '/usr/bin/krun' } }) }),
    expect: 'vm+',
  },
  {
    what: 'no list (containerd 1.6): the configuration names them',
    listed: [],
    config: config({ runc: runtime('io.containerd.runc.v2'), kata: runtime('io.containerd.kata.v2') }),
    expect: ',runc,kata+',
  },
  {
    what: 'what farlet is told',
    listed: listed('odd'),
    config: undefined,
    sandboxed: ['odd'],
    expect: 'odd+',
  },
];

describe('handlers of a runtime', () => {
  for (const { what, expect, ...of } of cases)
    it(what, () => {
      const handlers = runtimeHandlers(of.listed, handlerSettings(of.config), of.sandboxed ?? []);
      assert.equal(handlers.map(({ name, ownKernel }) => name + (ownKernel ? '+' : '')).join(), expect);
    });

  it('features are those of the list', () => {
    const [one] = runtimeHandlers(listed('runc'), undefined, []);
    assert.deepEqual(one, {
      name: 'runc',
      recursiveReadOnlyMounts: true,
      userNamespaces: false,
      ownKernel: false,
    });
  });
});
