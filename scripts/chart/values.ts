/** The values of charts/farlet: what they mean, what they may be and what they are by default. */
import { logLevels } from '../../src/model/log-level.ts';
import { z } from 'zod';
import { configSchema } from '../../src/app/config/schema.ts';

const text = (byDefault = ''): z.ZodDefault<z.ZodString> => z.string().default(byDefault);
const flag = (byDefault: boolean): z.ZodDefault<z.ZodBoolean> => z.boolean().default(byDefault);
const strings = z.record(z.string(), z.string());
/** What Kubernetes checks itself: a part of a pod's specification, handed on as it is. */
const object = z.record(z.string(), z.unknown());
const objects = z.array(object).default([]);

const hostKeys = z.strictObject({
  secretName: z
    .string()
    .optional()
    .describe('a Secret with ssh-privatekey and known_hosts, for this host, in place of the one of ssh'),
  privateKeyFile: z.string().optional().describe("a file of extraVolumes, in place of a Secret's"),
  knownHostsFile: z.string().optional().describe("a file of extraVolumes, in place of a Secret's"),
});
const hostCertificates = z.strictObject({
  secretName: z
    .string()
    .optional()
    .describe('a Secret with ca.crt, tls.crt and tls.key, for this host, in place of the one of tls'),
  caFile: z.string().optional().describe("a file of extraVolumes, in place of a Secret's"),
  certFile: z.string().optional().describe("a file of extraVolumes, in place of a Secret's"),
  keyFile: z.string().optional().describe("a file of extraVolumes, in place of a Secret's"),
});

const node = configSchema.shape.nodes.element;
const host = node.shape.hosts.element.extend({
  ssh: hostKeys.optional().describe('how to log in where it is not by the Secret of ssh'),
  tls: hostCertificates.optional().describe('certificates where they are not those of the Secret of tls'),
});
const port = node.shape.port
  .unwrap()
  .optional()
  .describe("port of this node's kubelet API, one per node; default: 10250 and upwards, as they stand here");
const nodes = z
  .array(
    node.extend({
      port,
      hosts: z.array(host).min(1).describe('the host behind the node, or several: a pool'),
    }),
  )
  .default([])
  .describe('the virtual nodes; one at least is needed');

/** As farlet's own file has it, but for what the chart itself knows. */
const config = configSchema
  .omit({ apiVersion: true, kind: true })
  .extend({ nodes })
  .prefault({})
  .describe(
    "farlet's configuration, in the words of docs/configuration.md; the chart adds the client CA, the Secrets' files and the addresses that probes need",
  );

const monitor = z.strictObject({
  enabled: flag(false).describe('make it; needs the resources of the Prometheus operator'),
  labels: strings.default({}).describe('labels by which your Prometheus finds it'),
  interval: text('30s').describe('how often it is scraped'),
  scrapeTimeout: text('10s').describe('how long a scrape may take'),
  relabelings: objects.describe("of the target's labels"),
  metricRelabelings: objects.describe("of the samples' labels"),
});

const runtimeClass = z.strictObject({
  name: z.string().min(1).describe('name of the RuntimeClass'),
  handler: z.string().min(1).describe("the runtime's name in containerd's configuration"),
  overhead: strings.optional().describe('what a sandbox takes besides its pod, by resource'),
  nodeSelector: strings.optional().describe('nodes whose hosts have the handler'),
  tolerations: z
    .array(object)
    .optional()
    .describe("default: the taint of farlet's nodes, so that pods need not tolerate it themselves"),
});

const quantity = z.union([z.int(), z.string()]);

export const valuesSchema = z.strictObject({
  global: object.optional().describe('what a chart around this one shares with it; unused'),
  nameOverride: text().describe('in place of the name of the chart in names of objects'),
  fullnameOverride: text().describe('in place of release and chart in names of objects'),
  commonLabels: strings.default({}).describe('labels of every object'),
  commonAnnotations: strings.default({}).describe('annotations of every object'),
  image: z
    .strictObject({
      repository: z
        .string()
        .min(1)
        .default('localhost/farlet')
        .describe('the image that was built of the Dockerfile'),
      tag: text().describe("default: the chart's appVersion"),
      digest: text().describe('sha256:…, in place of the tag'),
      pullPolicy: z
        .enum(['Always', 'IfNotPresent', 'Never'])
        .default('IfNotPresent')
        .describe('when it is pulled'),
    })
    .prefault({}),
  imagePullSecrets: z
    .array(z.strictObject({ name: z.string() }))
    .default([])
    .describe('Secrets by which the image is pulled'),
  config,
  clientCA: z
    .strictObject({
      pem: text().describe('the CA of the certificate with which the API server calls kubelets'),
      existingConfigMap: text().describe('a ConfigMap that has it'),
      key: text('ca.crt').describe('its key there'),
    })
    .prefault({})
    .describe(
      "whose client certificates the kubelet API knows; default: the cluster's, read from kube-system/extension-apiserver-authentication at installation, and where no cluster can be asked (helm template) the CA of kube-root-ca.crt",
    ),
  ssh: z
    .strictObject({
      existingSecret: text().describe('a Secret with ssh-privatekey and known_hosts, of all hosts over ssh'),
      privateKey: text().describe('or the key, from which the chart makes one'),
      knownHosts: text().describe('and the keys that hosts may have, as ssh-keyscan writes them'),
    })
    .prefault({}),
  tls: z
    .strictObject({
      existingSecret: text().describe('a Secret with ca.crt, tls.crt and tls.key, of all hosts over tcp'),
      ca: text().describe('or the authority of the hosts, from which the chart makes one'),
      cert: text().describe("and farlet's certificate"),
      key: text().describe('and its key'),
    })
    .prefault({}),
  servingCertificate: z
    .strictObject({
      existingSecret: text().describe(
        'a Secret with tls.crt and tls.key of the kubelet API, as cert-manager makes them; default: farlet signs one itself',
      ),
    })
    .prefault({}),
  replicas: z
    .int()
    .min(0)
    .max(5)
    .default(1)
    .describe('one works; more stand by, not ready, and take over when its lease is over'),
  revisionHistoryLimit: z
    .int()
    .min(0)
    .default(3)
    .describe('ReplicaSets that are kept for kubectl rollout undo'),
  logLevel: z.enum(logLevels).default('info').describe("of farlet's log, in JSON"),
  resources: object
    .default({ requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '512Mi' } })
    .describe('for tens of nodes with hundreds of pods; more of them need more'),
  priorityClassName: text().describe('such as system-cluster-critical'),
  terminationGracePeriodSeconds: z.int().min(11).default(30).describe('farlet stops within 10 s'),
  nodeSelector: strings.default({}).describe("where farlet's own pod runs"),
  tolerations: objects.describe('what its pod tolerates'),
  affinity: object.default({}).describe('default: not on virtual nodes, its own least of all'),
  topologySpreadConstraints: objects.describe(
    "how replicas are spread; without a labelSelector they get that of farlet's pods",
  ),
  hostAliases: objects.describe('names that its pod knows beside DNS, as of hosts or the API server'),
  dnsPolicy: text('ClusterFirst').describe('of its pod'),
  dnsConfig: object.default({}).describe('of its pod'),
  podLabels: strings.default({}).describe('more labels of its pod'),
  podAnnotations: strings.default({}).describe('more annotations of its pod'),
  extraEnv: objects.describe('more variables of its container'),
  extraVolumes: objects.describe('more volumes of its pod'),
  extraVolumeMounts: objects.describe('where they are in its container'),
  serviceAccount: z
    .strictObject({
      create: flag(true).describe('make one'),
      name: text().describe('default: the name of the release, or default if none is made'),
      annotations: strings.default({}).describe('of the one that is made'),
    })
    .prefault({}),
  rbac: z
    .strictObject({
      create: flag(true).describe('grant what docs/rbac.md says, no more than this configuration needs'),
    })
    .prefault({}),
  service: z
    .strictObject({
      enabled: flag(true).describe('a headless Service for metrics'),
      annotations: strings.default({}).describe('of the Service'),
    })
    .prefault({}),
  podMonitor: monitor.prefault({}).describe('scrape by a PodMonitor'),
  serviceMonitor: monitor.prefault({}).describe('or by a ServiceMonitor, of the Service'),
  prometheusRule: z
    .strictObject({
      enabled: flag(false).describe(
        'make the alerts of files/alerts.yaml; needs the resources of the Prometheus operator',
      ),
      labels: strings.default({}).describe('labels by which your Prometheus finds them'),
      additionalRuleLabels: strings.default({}).describe('labels of every alert, as for routes to people'),
      disabled: z.array(z.string()).default([]).describe('names of alerts that are left out'),
      runbookBase: text().describe(
        'what stands before docs/operations.md in runbook_url: where the docs are that your people read',
      ),
    })
    .prefault({}),
  dashboard: z
    .strictObject({
      enabled: flag(false).describe("make a ConfigMap of files/dashboard.json, for Grafana's sidecar"),
      namespace: text().describe("where that sidecar looks for it; default: the release's"),
      labels: strings.default({ grafana_dashboard: '1' }).describe('labels by which the sidecar finds it'),
      annotations: strings.default({}).describe('as k8s-sidecar-target-directory'),
    })
    .prefault({}),
  podDisruptionBudget: z
    .strictObject({
      enabled: flag(false).describe("hold drains of the node that farlet's pod is on"),
      minAvailable: quantity
        .optional()
        .describe('of its pods; 1 with one replica keeps a drain waiting for ever'),
      maxUnavailable: quantity.optional().describe('or so many away; default: 1'),
    })
    .prefault({}),
  networkPolicy: z
    .strictObject({
      enabled: flag(false).describe('let in and out only what farlet needs'),
      apiServerFrom: objects.describe(
        'peers that may call the kubelet API; default: everybody, who must still show who they are',
      ),
      metricsFrom: objects.describe('peers that may read metrics; default: everybody'),
      apiServerPorts: z.array(z.int()).default([443, 6443]).describe("the API server's ports"),
      egress: objects.describe('more rules of egress'),
    })
    .prefault({}),
  check: z
    .strictObject({
      onStart: flag(false).describe(
        'farlet check runs before farlet, in its pod: farlet starts once it finds nothing amiss. A host that is away keeps all nodes waiting then',
      ),
    })
    .prefault({}),
  onUninstall: z
    .enum(['keep', 'drain'])
    .default('keep')
    .describe(
      'what helm uninstall does with nodes and their pods. keep: nothing, pods run on. drain: pods are moved away and Nodes deleted first, so that nothing runs on the hosts',
    ),
  drain: z
    .strictObject({
      timeoutSeconds: z
        .int()
        .min(10)
        .default(240)
        .describe('how long that may take; the --timeout of helm uninstall, 5m by default, must be longer'),
      force: flag(false).describe('pods that no controller makes again are deleted as well'),
      deleteEmptyDirData: flag(false).describe(
        'pods with emptyDir volumes are moved as well; their data is lost',
      ),
      serviceAccountName: text().describe(
        'an account that may do it (docs/rbac.md); default: one that is made for it alone, and removed with it',
      ),
    })
    .prefault({})
    .describe('with onUninstall: drain'),
  runtimeClasses: z
    .array(runtimeClass)
    .default([])
    .describe('RuntimeClasses to make for handlers of the hosts'),
});
