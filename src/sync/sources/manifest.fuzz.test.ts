import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseYaml } from '../../app/config/yaml.ts';
import { podContainers } from '../../model/containers.ts';
import { FarletError } from '../../model/errors.ts';
import type { Pod } from '../../model/kube.ts';
import { podQosClass } from '../../model/pod-qos.ts';
import { podLimit, podRequest } from '../../model/pod-requests.ts';
import { matchesNode } from '../../resources/admission/admit-affinity.ts';
import { envReferences } from '../../runtime/spec/env.ts';
import { podResources } from '../../pods/status/pod-resources.ts';
import { damaged, fuzz, hostileBytes } from '../../testing/fuzz.ts';
import { readManifest } from './manifest.ts';

const good = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'shop', labels: { a: 'b' }, annotations: { c: 'd' } },
  spec: {
    restartPolicy: 'Always',
    hostNetwork: true,
    nodeSelector: { zone: 'a' },
    tolerations: [{ key: 'a', operator: 'Exists' }],
    securityContext: { sysctls: [{ name: 'kernel.sem', value: '1' }], supplementalGroups: [1] },
    initContainers: [{ name: 'i', image: 'i', restartPolicy: 'Always', resources: { requests: { cpu: 1 } } }],
    containers: [
      {
        name: 'c',
        image: 'localhost/busybox:1',
        command: ['sh', '-c', 'true'],
        env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
        ports: [{ containerPort: 80 }],
        resources: { limits: { cpu: '100m', memory: '1Gi' } },
        livenessProbe: { httpGet: { port: 80, httpHeaders: [{ name: 'A', value: 'b' }] } },
        lifecycle: { preStop: { exec: { command: ['x'] } } },
        volumeMounts: [{ name: 'v', mountPath: '/v', subPathExpr: '$(A)' }],
      },
    ],
    volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Mi' } }],
  },
};

/** The manifest with some of its values replaced by any others. */
const mistyped = fc
  .array(fc.tuple(fc.nat({ max: 80 }), fc.jsonValue({ maxDepth: 3 })), { minLength: 1, maxLength: 3 })
  .map((changes) => {
    let at = 0;
    const at80 = new Map(changes);
    return JSON.stringify(good, (_key, value: unknown) => {
      at += 1;
      return at > 3 && at80.has(at) ? at80.get(at) : value;
    });
  });
const bombs = fc.constantFrom(
  `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghij'.replace(/./g, (name, at: number) => `${name}: &${name} [${`*${'abcdefghi'.charAt(at)},`.repeat(9)}]\n`)}`,
  'a: &a [*a]',
  '['.repeat(200),
  '{"a":'.repeat(200),
  '__proto__: {x: 1}\napiVersion: v1\nkind: Pod\nmetadata: {name: constructor}\nspec: {__proto__: {containers: []}}',
  '!!binary AAAA',
  '%YAML 9\n---\n? ? ?',
);

fuzz(
  'manifests: a pod or a reason, whatever the file',
  fc.oneof(
    mistyped,
    damaged(Buffer.from(JSON.stringify(good))).map((bytes) => bytes.toString()),
    hostileBytes(1024).map((bytes) => bytes.toString()),
    bombs,
  ),
  (text) => {
    let pod: Pod;
    try {
      pod = readManifest({ path: '/m.yaml', text }, { node: 'edge-1', parse: parseYaml });
    } catch (error) {
      assert.ok(error instanceof FarletError, String(error));
      return;
    }
    // what is taken for a pod is one for those who admit it, count it and tell of it
    for (const count of [podRequest, podLimit, podResources, podQosClass]) count(pod);
    matchesNode(pod, { name: 'edge-1', labels: {} });
    envReferences(podContainers(pod).map(({ spec }) => spec));
  },
  { runs: 150 },
);
