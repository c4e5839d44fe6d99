import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { container, pod, quietLog } from '../../testing/fixtures.ts';
import { formatCpuSet, parseCpuSet, type CpuSet } from '../../model/cpu-set.ts';
import type { Container, Pod } from '../../model/kube.ts';
import { annotations } from '../../model/labels.ts';
import { emptyRuntimeState, type PodRuntimeState } from '../../model/runtime-state.ts';
import { CpuAssignments } from './cpu-assignments.ts';
import { CpuPinning } from './cpu-pinning.ts';
import { topologyOf, type CpuTopology } from './cpu-topology.ts';
import { reservedCpus } from './reserved-cpus.ts';
import { takeCpus } from './take-cpus.ts';

/** Numbered as Linux does: first threads of all cores, then second ones. */
function machine(sockets: number, cores: number, threads: number): CpuTopology {
  const places = [];
  for (let thread = 0; thread < threads; thread += 1)
    for (let socket = 0; socket < sockets; socket += 1)
      for (let core = 0; core < cores; core += 1)
        places.push({ cpu: places.length, core, socket, numa: socket });
  return topologyOf(places);
}

const set = (text: string): CpuSet => parseCpuSet(text) ?? new Set();

describe('sets of CPUs', () => {
  for (const [text, shown] of [
    ['0-3,8', '0-3,8'],
    ['8,0,1', '0-1,8'],
    ['', ''],
    ['5', '5'],
  ] as const)
    it(`${text} is ${shown}`, () => {
      assert.equal(formatCpuSet(set(text)), shown);
    });
  for (const text of ['a', '3-1', '1,,2', '-1', '1-'])
    it(`${text} is none`, () => {
      assert.equal(parseCpuSet(text), undefined);
    });
});

describe('taking CPUs', () => {
  const two = machine(2, 4, 2); // cores 0..3: cpus c, c+8; 4..7: cpus c, c+8
  const cases: [string, CpuTopology, string, number, string | undefined][] = [
    ['a whole core rather than two halves', two, '0-15', 2, '0,8'],
    ['a thread of a core that is in use already', two, '1-15', 1, '8'],
    ['a whole socket', two, '0-15', 8, '0-3,8-11'],
    ['the socket that has fewer left, as far as it goes', two, '0-2,8-10,4-7,12-15', 2, '0,8'],
    ['one socket and a core of the other', two, '0-15', 10, '0-4,8-12'],
    ['everything', two, '0-15', 16, '0-15'],
    ['more than there is', two, '0-3', 5, undefined],
    ['none', two, '0-3', 0, ''],
    ['one of a machine without threads', machine(1, 4, 1), '0-3', 1, '0'],
  ];
  for (const [what, topology, available, count, expected] of cases)
    it(what, () => {
      const taken = takeCpus(topology, set(available), count);
      assert.equal(taken === undefined ? undefined : formatCpuSet(taken), expected);
    });
});

describe('reserved CPUs', () => {
  const topology = machine(1, 2, 2);
  it('are those named', () => {
    assert.equal(formatCpuSet(reservedCpus(topology, { named: set('1,3'), milliCpu: 2000 })), '1,3');
  });
  it('are as many as are reserved, rounded up', () => {
    assert.equal(formatCpuSet(reservedCpus(topology, { named: set(''), milliCpu: 1500 })), '0,2');
  });
  it('must be there', () => {
    assert.throws(
      () => reservedCpus(topology, { named: set('1,9'), milliCpu: 2000 }),
      /unable to reserve the required amount of CPUs: 2 are to be reserved and the host has 4/,
    );
  });
});

const wanting = (name: string, cpu: string, memory = '1Mi'): Container => ({
  name,
  image: 'i',
  resources: { requests: { cpu, memory }, limits: { cpu, memory } },
});
const podOf = (uid: string, containers: Container[], initContainers: Container[] = []): Pod =>
  pod({ metadata: { uid, name: uid }, spec: { containers, initContainers } });

describe('who has which CPUs', () => {
  const make = (more: Partial<ConstructorParameters<typeof CpuAssignments>[0]> = {}): CpuAssignments =>
    new CpuAssignments({
      topology: machine(1, 4, 2),
      reserved: set('0'),
      fullCores: false,
      strictReservation: false,
      ...more,
    });
  const of = (cpus: CpuAssignments, uid: string, name: string): string =>
    formatCpuSet(cpus.cpusOf(uid, name));

  it('guaranteed pods with whole CPUs have their own, all others share the rest', () => {
    const cpus = make();
    assert.equal(cpus.allocate(podOf('a', [wanting('c', '2'), wanting('d', '500m')])), undefined);
    assert.equal(of(cpus, 'a', 'c'), '1,5');
    assert.equal(of(cpus, 'a', 'd'), '0,2-4,6-7');
    assert.equal(of(cpus, 'b', 'c'), '0,2-4,6-7');
    assert.equal(cpus.hasExclusive('a'), true);
    assert.equal(cpus.hasExclusive('a', 'd'), false);
  });

  it('burstable pods and pods with resources of their own share', () => {
    const cpus = make();
    const burstable = pod({
      spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '2' } } }] },
    });
    cpus.allocate(burstable);
    const resources = { requests: { cpu: '2', memory: '1Mi' }, limits: { cpu: '2', memory: '1Mi' } };
    cpus.allocate(pod({ metadata: { uid: 'p' }, spec: { containers: [wanting('c', '2')], resources } }));
    assert.equal(formatCpuSet(cpus.shared()), '0-7');
  });

  it('a second look gives what was given before, and CPUs come back', () => {
    const cpus = make();
    const a = podOf('a', [wanting('c', '2')]);
    cpus.allocate(a);
    cpus.allocate(a);
    assert.equal(of(cpus, 'a', 'c'), '1,5');
    cpus.release((uid) => uid !== 'a');
    assert.equal(formatCpuSet(cpus.shared()), '0-7');
  });

  it("a pod's containers may have what its init containers had", () => {
    const cpus = make();
    cpus.allocate(podOf('a', [wanting('c', '4')], [wanting('i', '6')]));
    const init = cpus.cpusOf('a', 'i');
    assert.ok([...cpus.cpusOf('a', 'c')].every((cpu) => init.has(cpu)));
    assert.equal(cpus.shared().size, 2);
  });

  it('too few is told, and nothing is taken', () => {
    const cpus = make();
    assert.deepEqual(cpus.allocate(podOf('a', [wanting('c', '4'), wanting('d', '4')])), {
      reason: 'UnexpectedAdmissionError',
      message:
        'Allocate failed due to not enough cpus available to satisfy request: requested=4, available=3, which is unexpected',
    });
    assert.equal(formatCpuSet(cpus.shared()), '0-7');
  });

  it('full cores or nothing', () => {
    const cpus = make({ fullCores: true });
    assert.equal(
      cpus.allocate(podOf('a', [wanting('c', '1')]))?.message,
      'SMT Alignment Error: requested 1 cpus not multiple cpus per core = 2',
    );
    const refusal = cpus.allocate(podOf('a', [wanting('c', '8')]));
    assert.equal(refusal?.reason, 'SMTAlignmentError');
    assert.equal(
      refusal.message,
      'SMT Alignment Error: not enough free physical CPUs: available physical CPUs = 6, requested CPUs = 8, CPUs per core = 2',
    );
  });

  it('strict reservation keeps reserved CPUs from everybody', () => {
    assert.equal(formatCpuSet(make({ strictReservation: true }).shared()), '1-7');
  });

  it('adopts what is free and nothing else', () => {
    const cpus = make();
    assert.equal(cpus.adopt('a', 'c', set('1-2')), true);
    assert.equal(cpus.adopt('b', 'c', set('2-3')), false, "another's");
    assert.equal(cpus.adopt('b', 'c', set('0')), false, 'reserved');
    assert.equal(cpus.adopt('b', 'c', set('40')), false, 'unknown');
  });
});

describe('containers on their CPUs', () => {
  const signal = new AbortController().signal;
  const running = (uid: string, id: string, exclusive = ''): PodRuntimeState => ({
    ...emptyRuntimeState({ uid, name: uid, namespace: 'default' }, 0),
    containers: [
      container({ id, annotations: exclusive === '' ? {} : { [annotations.exclusiveCpus]: exclusive } }),
      container({ id: `${id}-dead`, state: 'exited' }),
    ],
  });
  function bench(states: PodRuntimeState[]) {
    const calls: string[] = [];
    const active = new Set(states.map(({ uid }) => uid));
    const pinning = new CpuPinning({
      cri: {
        updateContainerResources: (request) => {
          calls.push(`${request.container_id ?? ''} ${request.linux?.cpuset_cpus ?? ''}`);
          return Promise.resolve({});
        },
      },
      states: () => states,
      isActive: (uid) => active.has(uid),
      log: quietLog,
    });
    const topology = machine(1, 4, 1);
    const options = { topology, reserved: set('0'), fullCores: false, strictReservation: false };
    const start = (): void => {
      pinning.start(new CpuAssignments(options));
    };
    return { pinning, calls, active, start, states };
  }

  it('nothing is asked of a runtime where CPUs are not managed', async () => {
    const { pinning, calls } = bench([running('a', '1')]);
    assert.equal(pinning.allocate(podOf('a', [wanting('c', '2')])), undefined);
    assert.equal(pinning.cpusFor(podOf('a', []), 'c'), undefined);
    await pinning.reconcile({ signal });
    assert.deepEqual(calls, []);
  });

  it('after a restart what has CPUs of its own keeps them, and all are told once', async () => {
    const { pinning, calls, start } = bench([running('a', '1', '2-3'), running('b', '2')]);
    start();
    assert.deepEqual(pinning.cpusFor(podOf('a', []), 'c'), { cpus: '2-3', exclusive: true });
    await pinning.reconcile({ signal });
    assert.deepEqual(calls, ['2 0-1']);
    await pinning.reconcile({ signal });
    assert.equal(calls.length, 1);
  });

  it('the others make room for a new pod and come back when it is over', async () => {
    const { pinning, calls, active, start } = bench([running('b', '2')]);
    start();
    await pinning.reconcile({ signal });
    active.add('a');
    pinning.allocate(podOf('a', [wanting('c', '1')]));
    await pinning.reconcile({ signal });
    active.delete('a');
    await pinning.reconcile({ signal });
    assert.deepEqual(calls, ['2 0-3', '2 0,2-3', '2 0-3']);
  });

  it('a container that was made with its CPUs is not told of them again', async () => {
    const { pinning, calls, start, states } = bench([]);
    start();
    const b = podOf('b', [wanting('c', '100m')]);
    assert.deepEqual(pinning.cpusFor(b, 'c'), { cpus: '0-3', exclusive: false });
    states.push(running('b', '2'));
    await pinning.reconcile({ signal });
    assert.deepEqual(calls, []);
  });
});
