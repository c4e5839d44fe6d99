/**
 * The types of what farlet reads of a manifest, as the API server's decoder would hold them: everything
 * behind takes a pod's fields for what their types say. Fields that are not named here are not looked at.
 * Pure.
 */

import { own } from '../../model/own.ts';
import { parseQuantity } from '../../model/quantity.ts';

type Shape =
  | 'string'
  | 'boolean'
  | 'integer'
  /** a port by number or name */
  | 'integerOrString'
  /** a quantity, which may be written as a number */
  | 'quantity'
  | { readonly list: Shape }
  | { readonly map: Shape }
  | Fields;
interface Fields {
  readonly fields: Readonly<Record<string, Shape>>;
}

const strings: Shape = { list: 'string' };
const stringMap: Shape = { map: 'string' };
const quantities: Shape = { map: 'quantity' };
const fields = (shapes: Fields['fields']): Fields => ({ fields: shapes });
const allOf = <Key extends string>(shape: Shape, ...keys: Key[]): Record<Key, Shape> =>
  Object.fromEntries(keys.map((key) => [key, shape])) as Record<Key, Shape>;

const resources = fields({ limits: quantities, requests: quantities });
const header = fields(allOf('string', 'name', 'value'));
const actions = {
  exec: fields({ command: strings }),
  httpGet: fields({
    ...allOf('string', 'host', 'path', 'scheme'),
    port: 'integerOrString',
    httpHeaders: { list: header },
  }),
  tcpSocket: fields({ host: 'string', port: 'integerOrString' }),
} as const;
const probe = fields({
  ...actions,
  grpc: fields({ port: 'integer', service: 'string' }),
  ...allOf('integer', 'initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold'),
  ...allOf('integer', 'failureThreshold', 'terminationGracePeriodSeconds'),
});
const hook = fields({ ...actions, sleep: fields({ seconds: 'integer' }) });
const security = {
  ...allOf('integer', 'runAsUser', 'runAsGroup', 'fsGroup'),
  ...allOf('boolean', 'runAsNonRoot', 'privileged', 'readOnlyRootFilesystem', 'allowPrivilegeEscalation'),
  ...allOf('string', 'procMount', 'fsGroupChangePolicy', 'supplementalGroupsPolicy'),
  supplementalGroups: { list: 'integer' },
  sysctls: { list: header },
  capabilities: fields(allOf(strings, 'add', 'drop')),
  seLinuxOptions: stringMap,
  ...allOf(fields(allOf('string', 'type', 'localhostProfile')), 'seccompProfile', 'appArmorProfile'),
} as const;
const keyRef = fields({ ...allOf('string', 'name', 'key'), optional: 'boolean' });
const fieldRef = fields(allOf('string', 'apiVersion', 'fieldPath'));
const resourceFieldRef = fields({ ...allOf('string', 'containerName', 'resource'), divisor: 'quantity' });
const valueFrom = fields({
  fieldRef,
  resourceFieldRef,
  ...allOf(keyRef, 'configMapKeyRef', 'secretKeyRef'),
  fileKeyRef: fields({ ...allOf('string', 'volumeName', 'path', 'key'), optional: 'boolean' }),
});
const container = fields({
  ...allOf('string', 'name', 'image', 'imagePullPolicy', 'workingDir', 'restartPolicy'),
  ...allOf('string', 'terminationMessagePath', 'terminationMessagePolicy'),
  ...allOf(strings, 'command', 'args'),
  ...allOf('boolean', 'stdin', 'stdinOnce', 'tty'),
  env: { list: fields({ ...allOf('string', 'name', 'value'), valueFrom }) },
  envFrom: {
    list: fields({ prefix: 'string', ...allOf(keyRef, 'configMapRef', 'secretRef') }),
  },
  ports: {
    list: fields({
      ...allOf('string', 'name', 'protocol', 'hostIP'),
      ...allOf('integer', 'containerPort', 'hostPort'),
    }),
  },
  resources,
  resizePolicy: { list: fields(allOf('string', 'resourceName', 'restartPolicy')) },
  restartPolicyRules: {
    list: fields({
      action: 'string',
      exitCodes: fields({ operator: 'string', values: { list: 'integer' } }),
    }),
  },
  volumeMounts: {
    list: fields({
      ...allOf('string', 'name', 'mountPath', 'subPath', 'subPathExpr', 'mountPropagation'),
      recursiveReadOnly: 'string',
      readOnly: 'boolean',
    }),
  },
  volumeDevices: { list: fields(allOf('string', 'name', 'devicePath')) },
  ...allOf(probe, 'livenessProbe', 'readinessProbe', 'startupProbe'),
  lifecycle: fields({ ...allOf(hook, 'postStart', 'preStop'), stopSignal: 'string' }),
  securityContext: fields(security),
});
const requirements = {
  list: fields({ ...allOf('string', 'key', 'operator'), values: strings }),
} as const;
const terms = { list: fields(allOf(requirements, 'matchExpressions', 'matchFields')) } as const;
const downward = fields({
  defaultMode: 'integer',
  items: { list: fields({ path: 'string', mode: 'integer', fieldRef, resourceFieldRef }) },
});
const volume = fields({
  name: 'string',
  hostPath: fields(allOf('string', 'path', 'type')),
  emptyDir: fields({ medium: 'string', sizeLimit: 'quantity' }),
  nfs: fields({ ...allOf('string', 'server', 'path'), readOnly: 'boolean' }),
  image: fields(allOf('string', 'reference', 'pullPolicy')),
  downwardAPI: downward,
  projected: fields({ defaultMode: 'integer', sources: { list: fields({ downwardAPI: downward }) } }),
});
const spec = fields({
  ...allOf({ list: container }, 'containers', 'initContainers'),
  volumes: { list: volume },
  ...allOf('string', 'restartPolicy', 'dnsPolicy', 'hostname', 'subdomain', 'hostnameOverride'),
  ...allOf('string', 'runtimeClassName', 'priorityClassName', 'schedulerName', 'preemptionPolicy'),
  ...allOf('string', 'serviceAccountName', 'serviceAccount'),
  ...allOf('boolean', 'hostNetwork', 'hostPID', 'hostIPC', 'hostUsers', 'shareProcessNamespace'),
  ...allOf('boolean', 'enableServiceLinks', 'setHostnameAsFQDN', 'automountServiceAccountToken'),
  ...allOf('integer', 'terminationGracePeriodSeconds', 'activeDeadlineSeconds', 'priority'),
  nodeSelector: stringMap,
  overhead: quantities,
  resources,
  os: fields({ name: 'string' }),
  tolerations: {
    list: fields({ ...allOf('string', 'key', 'operator', 'value', 'effect'), tolerationSeconds: 'integer' }),
  },
  hostAliases: { list: fields({ ip: 'string', hostnames: strings }) },
  dnsConfig: fields({ ...allOf(strings, 'nameservers', 'searches'), options: { list: header } }),
  imagePullSecrets: { list: fields({ name: 'string' }) },
  securityContext: fields(security),
  affinity: fields({
    nodeAffinity: fields({
      requiredDuringSchedulingIgnoredDuringExecution: fields({ nodeSelectorTerms: terms }),
    }),
  }),
});
const manifest = fields({
  metadata: fields({
    ...allOf('string', 'name', 'namespace', 'uid'),
    ...allOf(stringMap, 'labels', 'annotations'),
  }),
  spec,
});

/** A sentence for each value of another type than its field has. */
export function shapeProblems(pod: object): string[] {
  return problems(pod, manifest, '');
}

function problems(value: unknown, shape: Shape, path: string): string[] {
  if (typeof shape === 'string')
    return isScalar(value, shape)
      ? []
      : [`${path}: ${article[shape]} is needed, found ${JSON.stringify(value).slice(0, 64)}`];
  if ('list' in shape) {
    if (!Array.isArray(value)) return [`${path}: a list is needed`];
    return value.flatMap((item, index) => problems(item, shape.list, `${path}[${index}]`));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [`${path}: an object is needed`];
  const entries = Object.entries(value);
  if ('map' in shape) return entries.flatMap(([key, each]) => problems(each, shape.map, `${path}.${key}`));
  return entries.flatMap(([key, each]) => {
    const field = own(shape.fields, key);
    return field === undefined ? [] : problems(each, field, path === '' ? key : `${path}.${key}`);
  });
}

const article = {
  string: 'a text',
  boolean: 'true or false',
  integer: 'a whole number',
  integerOrString: 'a number or a name',
  quantity: 'a quantity',
} as const;

function isScalar(value: unknown, shape: Extract<Shape, string>): boolean {
  switch (shape) {
    case 'string':
      return typeof value === 'string';
    case 'boolean':
      return typeof value === 'boolean';
    case 'integer':
      return Number.isSafeInteger(value);
    case 'integerOrString':
      return typeof value === 'string' || Number.isSafeInteger(value);
    case 'quantity':
      return (
        (typeof value === 'string' || typeof value === 'number') && parseQuantity(String(value)) !== undefined
      );
  }
}
