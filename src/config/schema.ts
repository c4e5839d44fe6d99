/** The configuration: every key with its default and its meaning. Keys of KubeletConfiguration keep its names, forms and defaults. */
import { z } from 'zod';
import { duration, durationBetween } from './units.ts';

const dnsName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const port = (byDefault: number) => z.number().int().min(0).max(65_535).default(byDefault);

const taint = z.strictObject({
  key: z.string().min(1),
  value: z.string().optional(),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']),
});

const host = z.strictObject({
  name: z
    .string()
    .regex(dnsName, 'must be a DNS-1123 name')
    .describe('names the host in messages, metrics and placement'),
  endpoint: z.string().describe('where its runtime is: unix:///run/containerd/containerd.sock'),
});

const node = z.strictObject({
  name: z.string().max(253).regex(dnsName, 'must be a DNS-1123 subdomain').describe('name of the Node'),
  labels: z.record(z.string(), z.string()).default({}).describe('more labels, set when the Node is made'),
  registerWithTaints: z
    .array(taint)
    .default([{ key: 'virtual-kubelet.io/provider', value: 'farlet', effect: 'NoSchedule' }])
    .describe('taints, set when the Node is made; [] for none'),
  nodeIP: z
    .string()
    .optional()
    .describe(
      "the Node's InternalIP; default: the POD_IP variable, else the address of the route to the API server",
    ),
  port: port(10_250).describe("port of this node's kubelet API, one per node"),
  staticPodPath: z
    .string()
    .startsWith('/')
    .optional()
    .describe(
      "a folder of pod manifests, or one manifest, on farlet's own disk: static pods, run without an API server, too",
    ),
  rootDir: z
    .string()
    .startsWith('/')
    .default('/var/lib/farlet')
    .describe('where volumes and pod files are, on the host'),
  hosts: z
    .array(host)
    .min(1)
    .max(1, 'a node over several hosts is not supported by this version; give each host a node of its own')
    .describe('the host behind the node'),
});

export const configSchema = z.strictObject({
  apiVersion: z.literal('farlet.dev/v1alpha1'),
  kind: z.literal('FarletConfiguration'),
  clusterDNS: z.array(z.string()).default([]).describe("addresses of the cluster's DNS servers, for pods"),
  clusterDomain: z.string().default('cluster.local').describe("the cluster's DNS domain"),
  kubernetesServiceAddress: z.url().optional().describe('what pods get as KUBERNETES_SERVICE_HOST and _PORT'),
  maxPods: z.number().int().min(0).default(110).describe('pods a node takes'),
  podLogsDir: z
    .string()
    .startsWith('/')
    .default('/var/log/pods')
    .describe("where containers' logs are, on the host"),
  resolvConf: z
    .string()
    .default('/etc/resolv.conf')
    .describe("the host's resolver configuration, for pods with DNS policy Default; empty for none"),
  nodeStatusUpdateFrequency: duration('10s').describe('how often the node status is computed'),
  nodeStatusReportFrequency: duration('5m').describe('how often it is reported when nothing changed'),
  nodeLeaseDurationSeconds: z
    .number()
    .int()
    .min(1)
    .default(40)
    .describe("duration of the node's lease; renewed every quarter of it"),
  fileCheckFrequency: duration('20s').describe(
    'how often manifests are read again; changes are noticed at once where the file system tells',
  ),
  crashLoopBackOff: z
    .strictObject({ maxContainerRestartPeriod: durationBetween('5m', { minMs: 1_000, maxMs: 300_000 }) })
    .prefault({})
    .describe('the longest wait before a container that keeps ending is started again, 1s to 5m'),
  serializeImagePulls: z.boolean().default(true).describe('one image pull at a time'),
  maxParallelImagePulls: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe('how many at a time without serializeImagePulls'),
  registryPullQPS: z
    .number()
    .int()
    .min(0)
    .default(5)
    .describe('image pulls that may begin each second; 0: no limit'),
  registryBurst: z.number().int().min(0).default(10).describe('image pulls that may begin at once'),
  seccompDefault: z
    .boolean()
    .default(false)
    .describe('RuntimeDefault for containers that name no seccomp profile'),
  cpuCFSQuota: z.boolean().default(true).describe('enforce CPU limits'),
  systemReserved: z.record(z.string(), z.string()).default({}).describe("taken off the node's allocatable"),
  evictionHard: z
    .record(z.string(), z.string())
    .default({ 'memory.available': '100Mi', 'nodefs.available': '10%', 'nodefs.inodesFree': '5%' })
    .describe('below these the node reports pressure'),
  authentication: z
    .strictObject({
      anonymous: z
        .strictObject({
          enabled: z.literal(false, 'anonymous access to the kubelet API is not offered').default(false),
        })
        .prefault({}),
      webhook: z.strictObject({ enabled: z.boolean().default(true), cacheTTL: duration('2m') }).prefault({}),
      x509: z.strictObject({ clientCAFile: z.string().optional() }).prefault({}),
    })
    .prefault({})
    .describe('who may call the kubelet API: client certificates of this CA, bearer tokens by TokenReview'),
  authorization: z
    .strictObject({
      mode: z.enum(['Webhook', 'AlwaysAllow']).default('Webhook'),
      webhook: z
        .strictObject({ cacheAuthorizedTTL: duration('5m'), cacheUnauthorizedTTL: duration('30s') })
        .prefault({}),
    })
    .prefault({})
    .describe('what they may do there: by SubjectAccessReview'),
  tlsCertFile: z.string().optional().describe("the kubelet API's certificate; self-signed if absent"),
  tlsPrivateKeyFile: z.string().optional().describe('its key'),
  address: z.string().default('0.0.0.0').describe("the kubelet API's listen address"),
  healthzBindAddress: z.string().default('127.0.0.1').describe('listen address of /healthz'),
  healthzPort: port(10_248).describe('port of /healthz; 0: off'),
  metricsBindAddress: z.string().default('0.0.0.0').describe("listen address of farlet's own metrics, plain"),
  metricsPort: port(9_464).describe('their port; 0: off'),
  nodes: z.array(node).min(1).describe('the virtual nodes'),
});

export type Config = Readonly<z.infer<typeof configSchema>>;
export type NodeConfig = Config['nodes'][number];
