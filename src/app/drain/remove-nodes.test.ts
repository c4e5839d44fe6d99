import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RequestOptions } from '../../kube/client.ts';
import { KubeError } from '../../model/errors.ts';
import type { KubeNode, Pod } from '../../model/kube.ts';
import type { DrainOptions } from './drain.ts';
import { removeNodes } from './remove-nodes.ts';

const limits = { force: false, deleteEmptyDirData: false };
const targets = (...names: string[]) => names.map((node) => ({ node, host: undefined }));

function owned(kind: string): object {
  return { ownerReferences: [{ apiVersion: 'apps/v1', kind, name: 'x', uid: 'x', controller: true }] };
}

/** An API server with its DaemonSet controller, and what farlet does on each of its nodes. */
class Cluster {
  readonly did: string[] = [];
  readonly said: string[] = [];
  readonly nodes = new Map<string, KubeNode>();
  readonly stop = new AbortController();
  pods: Pod[] = [];
  /** looks until farlet has seen the mark of a Node */
  deafFor = 1;
  /** once: farlet is started anew after the Node was deleted */
  comesBack = false;
  /** ends the wait after so many looks */
  patience = 50;
  #looks = 0;
  #uids = 0;

  addNode(name: string): void {
    this.#uids += 1;
    const uid = `uid-${String(this.#uids)}`;
    const annotations = { 'farlet.dev/configured': '{}' };
    this.nodes.set(name, { metadata: { name, uid, annotations }, spec: {}, status: {} });
  }

  addPod(name: string, node: string, metadata: object, status: object = { phase: 'Running' }): void {
    this.#uids += 1;
    const uid = `uid-${String(this.#uids)}`;
    this.pods.push({
      metadata: { name, namespace: 'd', uid, ...metadata },
      spec: { nodeName: node, containers: [] },
      status,
    });
  }

  get options(): DrainOptions & { limits: typeof limits } {
    return {
      client: {
        get: <T>(path: string, options: RequestOptions = {}) =>
          this.#get(path, String(options.query?.fieldSelector)) as Promise<T>,
        create: <T>(path: string) => {
          this.#remove(path.split('/').at(-2) ?? '', 'evict');
          return Promise.resolve({} as T);
        },
        patch: <T>(path: string, _type: unknown, body: object) => {
          const { metadata, spec } = body as KubeNode;
          const node = this.#node(path);
          this.did.push(
            `patch ${node.metadata.name} ${JSON.stringify({ ...metadata.annotations, ...spec })}`,
          );
          const annotations = { ...node.metadata.annotations, ...metadata.annotations };
          this.nodes.set(node.metadata.name, {
            ...node,
            metadata: { ...node.metadata, annotations },
            spec: { ...node.spec, ...spec },
          });
          return Promise.resolve({} as T);
        },
        delete: (path) => {
          const name = path.split('/').at(-1) ?? '';
          if (path.includes('/pods/')) this.#remove(name, 'delete');
          else if (this.nodes.delete(name)) this.did.push(`delete node ${name}`);
          return Promise.resolve();
        },
      },
      print: (text) => void this.said.push(text.trimEnd()),
      clock: {
        sleep: () => {
          this.#look();
          if (this.stop.signal.aborted) return Promise.reject(new Error('the wait is over'));
          return Promise.resolve();
        },
      },
      signal: this.stop.signal,
      limits,
    };
  }

  async #get(path: string, fieldSelector: string): Promise<unknown> {
    await Promise.resolve();
    if (path.includes('/nodes/')) return this.#node(path);
    const items = this.pods.filter(({ spec }) => fieldSelector === `spec.nodeName=${spec.nodeName ?? ''}`);
    return { metadata: { resourceVersion: '1' }, items };
  }

  #node(path: string): KubeNode {
    const node = this.nodes.get(path.split('/').at(-1) ?? '');
    if (node === undefined) throw new KubeError('not-found', 'none', { status: 404, reason: 'NotFound' });
    return node;
  }

  #remove(name: string, verb: string): void {
    const pod = this.pods.find(({ metadata }) => metadata.name === name);
    if (pod === undefined) return;
    this.did.push(`${verb} ${name}`);
    this.pods = this.pods.filter((each) => each !== pod);
    const { ownerReferences = [] } = pod.metadata;
    const node = this.nodes.get(pod.spec.nodeName ?? '');
    if (ownerReferences[0]?.kind !== 'DaemonSet' || node === undefined) return;
    const isTaken = !isLeaving(node);
    const refused = { phase: 'Failed', reason: 'NodeLeaving' };
    const again = `${name.replace(/-again$/, '')}-again`;
    this.addPod(again, node.metadata.name, owned('DaemonSet'), isTaken ? { phase: 'Running' } : refused);
  }

  #look(): void {
    this.#looks += 1;
    if (this.#looks > this.patience) this.stop.abort(new Error('waited long enough'));
    for (const [name, node] of this.nodes)
      if (node.metadata.annotations?.['farlet.dev/leaving'] === 'true' && this.#looks >= this.deafFor) {
        const conditions = [{ type: 'farlet.dev/Leaving', status: 'True' }];
        this.nodes.set(name, { ...node, status: { conditions } });
        // static pods stop, and their mirrors with them
        this.pods = this.pods.filter(
          ({ metadata, spec }) => spec.nodeName !== name || metadata.name !== 'static',
        );
      }
    if (this.comesBack && this.nodes.size === 0) {
      this.comesBack = false;
      this.addNode('a');
    }
  }
}

function isLeaving({ status }: KubeNode): boolean {
  return status?.conditions?.some(({ type }) => type === 'farlet.dev/Leaving') === true;
}

describe('farlet drain --delete', () => {
  it('moves pods, stops those of DaemonSets and manifests, and then deletes the Node', async () => {
    const cluster = new Cluster();
    cluster.addNode('a');
    cluster.addPod('web', 'a', owned('ReplicaSet'));
    cluster.addPod('agent', 'a', owned('DaemonSet'));
    cluster.addPod('static', 'a', { annotations: { 'kubernetes.io/config.mirror': 'x' } });
    cluster.deafFor = 4;
    await removeNodes(targets('a'), cluster.options);
    assert.deepEqual(cluster.did, [
      'patch a {"unschedulable":true}',
      'evict web',
      'patch a {"farlet.dev/leaving":"true"}',
      'delete agent',
      'delete node a',
      'delete agent-again',
    ]);
    assert.deepEqual([cluster.pods, cluster.nodes.size], [[], 0]);
    assert.deepEqual(cluster.said, [
      'node a takes no new pods; 1 to be moved',
      'pod d/web is evicted',
      'pod d/web is gone',
      'node a is drained',
      'node a is leaving: nothing new is run there',
      'pod d/static is gone',
      'pod d/agent is gone',
      'node a is deleted',
    ]);
  });

  it('closes all nodes before it moves a pod', async () => {
    const cluster = new Cluster();
    for (const name of ['a', 'b']) {
      cluster.addNode(name);
      cluster.addPod(`web-${name}`, name, owned('ReplicaSet'));
    }
    await removeNodes(targets('a', 'b', 'none'), cluster.options);
    const evictions = cluster.did.findIndex((each) => each.startsWith('evict'));
    assert.deepEqual(cluster.did.slice(0, evictions), [
      'patch a {"unschedulable":true}',
      'patch b {"unschedulable":true}',
    ]);
    assert.equal(cluster.nodes.size, 0);
  });

  it('takes away a Node that a restarted farlet has registered again', async () => {
    const cluster = new Cluster();
    cluster.addNode('a');
    cluster.addPod('agent', 'a', owned('DaemonSet'));
    cluster.comesBack = true;
    await removeNodes(targets('a'), cluster.options);
    assert.equal(cluster.did.filter((each) => each === 'delete node a').length, 2);
    assert.equal(cluster.nodes.size, 0);
  });

  it('deletes no Node whose farlet does not answer, and says so', async () => {
    const cluster = new Cluster();
    cluster.addNode('a');
    cluster.addPod('agent', 'a', owned('DaemonSet'));
    cluster.deafFor = Infinity;
    await assert.rejects(
      removeNodes(targets('a'), cluster.options),
      /^FarletError: node a is drained and not taken away yet: farlet has not answered the mark on it: is it running\?; call this again/,
    );
    assert.deepEqual(cluster.did, [
      'patch a {"unschedulable":true}',
      'patch a {"farlet.dev/leaving":"true"}',
    ]);
  });

  it('names the pods that are left when its time is over', async () => {
    const cluster = new Cluster();
    cluster.addNode('a');
    const dying = { deletionTimestamp: '2026-01-02T03:04:05Z', ...owned('DaemonSet') };
    cluster.addPod('agent', 'a', dying);
    cluster.patience = 5;
    await assert.rejects(
      removeNodes(targets('a'), cluster.options),
      /not taken away yet: d\/agent left; call/,
    );
    assert.equal(cluster.nodes.size, 1);
  });

  it('is for nodes, and touches nothing otherwise', async () => {
    const cluster = new Cluster();
    cluster.addNode('a');
    cluster.addNode('b');
    cluster.addPod('bare', 'b', {});
    await assert.rejects(
      removeNodes([...targets('a'), { node: 'b', host: 'box' }], cluster.options),
      /b\/box: --delete is for nodes/,
    );
    await assert.rejects(removeNodes(targets('a', 'b'), cluster.options), /d\/bare has no controller/);
    assert.deepEqual(cluster.did, []);
  });
});
