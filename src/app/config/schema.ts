/**
 * The configuration: every key with its default and its meaning. Keys of KubeletConfiguration keep its names,
 * forms and defaults.
 */
import { z } from 'zod';
import { defaultEvictionHard } from '../../model/eviction-thresholds.ts';
import { parseCpuSet } from '../../model/cpu-set.ts';
import { logLevels } from '../../model/log-level.ts';
import { cipherSuiteNames } from '../../model/tls-names.ts';
import { duration, durationBetween, durationUnlessZero, grpcTarget, ipAddresses } from './units.ts';
import { dnsSubdomain } from '../../model/dns-name.ts';

const port = (byDefault: number) => z.number().int().min(0).max(65_535).default(byDefault);

const percent = (byDefault: number) => z.number().int().min(0).max(100).default(byDefault);
const taint = z.strictObject({
  key: z.string().min(1).describe("the taint's key"),
  value: z.string().optional().describe('its value'),
  effect: z
    .enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])
    .describe('what becomes of pods that do not tolerate it'),
});

const ssh = z.strictObject({
  privateKeyFile: z.string().optional().describe("farlet's key; default: the keys of an ssh agent"),
  agentSocket: z
    .string()
    .optional()
    .describe('socket of the ssh agent; default: the SSH_AUTH_SOCK variable; not used with privateKeyFile'),
  knownHostsFile: z
    .string()
    .describe('the keys that hosts may have, as ssh-keyscan writes them; no others are accepted'),
});

const tls = z.strictObject({
  caFile: z.string().describe("the authority that issued the host's certificates, in PEM form"),
  certFile: z
    .string()
    .describe(
      "farlet's certificate, issued by the authority in containerd's tcp_tls_ca; read again when it changes",
    ),
  keyFile: z.string().describe('its key'),
});

const host = z.strictObject({
  name: z
    .string()
    .regex(dnsSubdomain, 'must be a DNS-1123 name')
    .describe('names the host in messages, metrics and placement'),
  endpoint: z
    .string()
    .describe(
      'where its runtime is: unix:///run/containerd/containerd.sock, ssh://user@host:port/run/containerd/containerd.sock or tcp://host:port',
    ),
  address: ipAddresses()
    .optional()
    .describe(
      'where others reach the host: hostIP of its pods, podIP of those on its network; one, or one of each family with a comma; default: the source of its default route, of the families that nodeIP has',
    ),
  ssh: ssh.optional().describe('how to log in, for ssh endpoints'),
  labels: z
    .record(
      z
        .string()
        .regex(
          /^([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)*farlet\.dev\/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/,
          'must be a label under farlet.dev/, such as farlet.dev/disk',
        ),
      z.string().regex(/^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/, "must be a label's value"),
    )
    .default({})
    .describe(
      'labels under farlet.dev/ that pods may choose the host by; farlet.dev/host and host.farlet.dev/<name> are set already',
    ),
  drain: z
    .boolean()
    .default(false)
    .describe(
      'in a pool: take no new pods and evict those it has; the Node annotation farlet.dev/drain (names, with commas) does the same',
    ),
  tls: tls.optional().describe('certificates, for tcp endpoints'),
  helperImage: z
    .string()
    .min(1)
    .optional()
    .describe(
      'image of the pod through which a tcp endpoint reaches files and network of its host; default: docker.io/library/busybox:1.37.0',
    ),
});

const node = z.strictObject({
  name: z.string().max(253).regex(dnsSubdomain, 'must be a DNS-1123 subdomain').describe('name of the Node'),
  labels: z
    .record(z.string(), z.string())
    .default({})
    .describe('more labels; those of an earlier configuration go'),
  registerWithTaints: z
    .array(taint)
    .default([{ key: 'virtual-kubelet.io/provider', value: 'farlet', effect: 'NoSchedule' }])
    .describe('taints, [] for none; those of an earlier configuration go'),
  nodeIP: ipAddresses()
    .optional()
    .describe(
      "where the API server reaches farlet, the Node's InternalIP; one, or one of each family with a comma; default: the POD_IP variable, else the address of the route to the API server",
    ),
  providerID: z
    .string()
    .min(1)
    .optional()
    .describe(
      "the Node's spec.providerID, which can't be changed later; default: farlet://<cluster id>/<name>, by which clouds' controllers and autoscalers see that it is none of theirs",
    ),
  kubeletAPI: z
    .enum(['farlet', 'host'])
    .default('farlet')
    .describe(
      "where the API server and the agents on the host find the kubelet API: at nodeIP, or at the host's own address, whose port 10250 then leads to farlet",
    ),
  port: port(10_250).describe("port of this node's kubelet API, one per node"),
  kubeconfig: z
    .string()
    .min(1)
    .optional()
    .describe(
      "by which all that concerns this node and its pods is asked of the API server, best as user system:node:<name> of group system:nodes, which is held to what the kubelet of that node may; farlet's own account is then for what nodes share",
    ),
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
  cgroupRoot: z
    .string()
    .optional()
    .describe('cgroupRoot for this node alone: two nodes on one machine need one each'),
  hosts: z
    .array(host)
    .min(1)
    .describe('the host behind the node, or several: a pool, in which each pod is placed on one of them'),
});

export const configSchema = z.strictObject({
  apiVersion: z.literal('farlet.dev/v1alpha1').describe('version of this format'),
  kind: z.literal('FarletConfiguration').describe('what the file holds'),
  clusterDNS: z.array(z.string()).default([]).describe("addresses of the cluster's DNS servers, for pods"),
  clusterDomain: z.string().default('cluster.local').describe("the cluster's DNS domain"),
  kubernetesServiceAddress: z.url().optional().describe('what pods get as KUBERNETES_SERVICE_HOST and _PORT'),
  maxPods: z.number().int().min(0).default(110).describe('pods a host takes'),
  podLogsDir: z
    .string()
    .startsWith('/')
    .default('/var/log/pods')
    .describe("where containers' logs are, on the host"),
  resolvConf: z
    .string()
    .default('/etc/resolv.conf')
    .describe("the host's resolver configuration, for pods with DNS policy Default; empty for none"),
  nodeStatusUpdateFrequency: durationUnlessZero('10s').describe('how often the node status is computed'),
  nodeStatusReportFrequency: durationUnlessZero('5m').describe(
    'how often it is reported when nothing changed',
  ),
  nodeLeaseDurationSeconds: z
    .number()
    .int()
    .min(1)
    .default(40)
    .describe("duration of the node's lease; renewed every quarter of it"),
  podEvictionTimeout: duration('5m').describe(
    'in a pool: how long a host may not answer before its pods are deleted, so that they are replaced',
  ),
  fileCheckFrequency: duration('20s').describe(
    'how often manifests are read again; changes are noticed at once where the file system tells',
  ),
  crashLoopBackOff: z
    .strictObject({
      maxContainerRestartPeriod: durationBetween('5m', { minMs: 1_000, maxMs: 300_000 }).describe(
        'the longest wait before a container that keeps ending is started again, 1s to 5m',
      ),
    })
    .prefault({})
    .describe('how long containers that keep ending wait'),
  serializeImagePulls: z
    .boolean()
    .optional()
    .describe('one image pull at a time; default: true unless maxParallelImagePulls is 2 or more'),
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
  cpuCFSQuotaPeriod: duration('100ms').describe('the period of CPU limits, 1ms to 1s'),
  podPidsLimit: z.number().int().default(-1).describe('processes a pod may have; 0 or less: no limit'),
  cgroupsPerQOS: z
    .boolean()
    .default(true)
    .describe(
      'give pods cgroups of their own on the host, by class of service; false: the runtime places them',
    ),
  cgroupDriver: z
    .enum(['cgroupfs', 'systemd'])
    .default('cgroupfs')
    .describe("who manages the host's cgroups; used only where the runtime does not report it"),
  cgroupRoot: z
    .string()
    .regex(/^(|\/[a-z0-9./]*)$/, 'must be empty or an absolute path of lower case letters, digits and dots')
    .default('')
    .describe("the cgroup that pods' cgroups are made in; made if it is missing"),
  enforceNodeAllocatable: z
    .array(
      z.enum(
        ['pods', 'none'],
        'only pods or none: what the host reserves for itself is not limited by farlet',
      ),
    )
    .optional()
    .describe('whether all pods together are held to allocatable; default: pods, none without cgroupsPerQOS'),
  systemReserved: z.record(z.string(), z.string()).default({}).describe("taken off the node's allocatable"),
  imageGCHighThresholdPercent: percent(85).describe(
    'how full the file system with the images may get before unused images go; 100: off',
  ),
  imageGCLowThresholdPercent: percent(80).describe('how full it may still be when they have gone'),
  imageMinimumGCAge: duration('2m').describe('images that came later than this are left alone'),
  imageMaximumGCAge: duration('0s').describe('images unused for longer go in any case; 0s: off'),
  imagePullCredentialsVerificationPolicy: z
    .enum(['NeverVerify', 'NeverVerifyPreloadedImages', 'NeverVerifyAllowlistedImages', 'AlwaysVerify'])
    .default('NeverVerifyPreloadedImages')
    .describe('for which images that are there a pod must show that it may pull them'),
  preloadedImagesVerificationAllowlist: z
    .array(z.string())
    .default([])
    .describe('images that need no such proof under NeverVerifyAllowlistedImages; /* at the end of a prefix'),
  containerLogMaxSize: z
    .string()
    .default('10Mi')
    .describe('size from which on a running container has its log rotated; negative: never'),
  containerLogMaxFiles: z.number().int().min(2).default(5).describe('log files of a container, at most'),
  containerLogMaxWorkers: z.number().int().min(1).default(1).describe('logs that are rotated at a time'),
  containerLogMonitorInterval: duration('10s').describe('how often the size of logs is checked'),
  kubeReserved: z.record(z.string(), z.string()).default({}).describe('the same, and added to it'),
  reservedSystemCPUs: z
    .string()
    .refine((text) => parseCpuSet(text) !== undefined, 'must be a list of CPUs, as 0-1,4')
    .default('')
    .describe('CPUs that no pod gets for itself; they go before the cpu of systemReserved and kubeReserved'),
  cpuManagerPolicy: z
    .enum(['none', 'static'])
    .default('none')
    .describe('static: guaranteed pods that ask for whole CPUs have them for themselves'),
  cpuManagerPolicyOptions: z
    .strictObject({
      'full-pcpus-only': z.enum(['true', 'false']).optional().describe('whole cores or nothing'),
      'strict-cpu-reservation': z
        .enum(['true', 'false'])
        .optional()
        .describe('no pod at all on reserved CPUs'),
    })
    .default({}),
  cpuManagerReconcilePeriod: duration('10s').describe(
    "how often containers' CPUs are compared with what they should have",
  ),
  memorySwap: z
    .strictObject({
      swapBehavior: z
        .enum(['', 'NoSwap'], 'only NoSwap: pods of farlet do not swap')
        .default('')
        .describe('pods never swap'),
    })
    .prefault({}),
  allowedUnsafeSysctls: z
    .array(z.string())
    .default([])
    .describe('sysctls beyond the safe ones that pods may set; * at the end stands for anything'),
  sandboxedRuntimeHandlers: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'runtime handlers whose pods have a kernel of their own, besides those of Kata and gVisor, which are known',
    ),
  evictionHard: z
    .record(z.string(), z.string())
    .default({ ...defaultEvictionHard })
    .describe(
      'below these the node reports pressure and evicts pods at once; by signal, amount or percentage',
    ),
  mergeDefaultEvictionSettings: z
    .boolean()
    .default(false)
    .describe('evictionHard keeps the default of each signal that it does not name'),
  evictionSoft: z
    .record(z.string(), z.string())
    .default({})
    .describe('below these for longer than their grace period the node evicts pods, with their grace'),
  evictionSoftGracePeriod: z
    .record(z.string(), duration('0s'))
    .default({})
    .describe('how long each signal of evictionSoft must be below'),
  evictionMinimumReclaim: z
    .record(z.string(), z.string())
    .default({})
    .describe('how much beyond the threshold an eviction is to bring, by signal'),
  evictionPressureTransitionPeriod: duration('5m').describe(
    'how long a pressure condition stays after it was last observed',
  ),
  evictionMaxPodGracePeriod: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe('the most seconds that a pod gets to stop when a soft threshold evicts it'),
  authentication: z
    .strictObject({
      anonymous: z
        .strictObject({
          enabled: z
            .literal(false, 'anonymous access to the kubelet API is not offered')
            .default(false)
            .describe('always off'),
        })
        .prefault({}),
      webhook: z
        .strictObject({
          enabled: z.boolean().default(true).describe('accept bearer tokens, by TokenReview'),
          cacheTTL: duration('2m').describe('how long an answer is kept'),
        })
        .prefault({}),
      x509: z
        .strictObject({
          clientCAFile: z
            .string()
            .optional()
            .describe(
              'PEM file with the CAs of client certificates, read again when it changes; without it no certificate is accepted',
            ),
        })
        .prefault({}),
    })
    .prefault({}),
  authorization: z
    .strictObject({
      mode: z
        .enum(['Webhook', 'AlwaysAllow'])
        .default('Webhook')
        .describe('what callers of the kubelet API may do: by SubjectAccessReview, or everything'),
      enterVerb: z
        .enum(['create', 'method'])
        .default('create')
        .describe(
          'the verb on nodes/proxy that exec, attach, portForward and run ask for: create, or what the method of the request stands for, as a kubelet does it (GET, with which a WebSocket begins: get)',
        ),
      webhook: z
        .strictObject({
          cacheAuthorizedTTL: duration('5m').describe('how long a yes is kept'),
          cacheUnauthorizedTTL: duration('30s').describe('how long a no is kept'),
        })
        .prefault({}),
    })
    .prefault({}),
  tlsCertFile: z
    .string()
    .optional()
    .describe("the kubelet API's certificate, read again when it changes; self-signed if absent"),
  tlsPrivateKeyFile: z.string().optional().describe('its key'),
  serverTLSBootstrap: z
    .boolean()
    .default(false)
    .describe(
      "ask the cluster for the kubelet API's certificate, one for each node, by a CertificateSigningRequest of the signer kubernetes.io/kubelet-serving, and again in time; self-signed until one is signed",
    ),
  approveServingCertificates: z
    .boolean()
    .default(false)
    .describe(
      'with serverTLSBootstrap: approve the requests that this farlet has made itself, and no others',
    ),
  tlsMinVersion: z
    .enum(['VersionTLS10', 'VersionTLS11', 'VersionTLS12', 'VersionTLS13'])
    .default('VersionTLS12')
    .describe('the oldest TLS that callers of the kubelet API may speak'),
  tlsCipherSuites: z
    .array(z.enum(cipherSuiteNames))
    .default([])
    .describe(
      'cipher suites for TLS up to 1.2, by the names of Go; default: those with forward secrecy and AES-GCM or ChaCha20; those of TLS 1.3 are always on',
    ),
  streamingConnectionIdleTimeout: duration('4h').describe(
    'how long exec, attach and port-forward may go without a byte in either direction; 0s: for ever',
  ),
  address: z.string().default('0.0.0.0').describe("the kubelet API's listen address"),
  healthzBindAddress: z.string().default('127.0.0.1').describe('listen address of /healthz'),
  healthzPort: port(10_248).describe('port of /healthz; 0: off'),
  metricsBindAddress: z
    .string()
    .default('127.0.0.1')
    .describe(
      "listen address of farlet's own metrics, plain, open to everyone who reaches it; the kubelet API's /metrics authenticates its callers",
    ),
  metricsPort: port(9_464).describe('their port; 0: off'),
  logLevel: z.enum(logLevels).optional().describe('what is logged, in place of --log-level'),
  tracing: z
    .strictObject({
      endpoint: grpcTarget()
        .default('localhost:4317')
        .describe('where the collector listens for OTLP over gRPC, without TLS; host:port, or unix:///path'),
      samplingRatePerMillion: z
        .number()
        .int()
        .min(0)
        .max(1_000_000)
        .default(0)
        .describe(
          'of a million traces, how many are recorded; a pod whose annotation names a trace goes by what that says',
        ),
    })
    .optional()
    .describe('traces of OpenTelemetry; absent: none'),
  nodes: z.array(node).min(1).describe('the virtual nodes'),
});

export type Config = Readonly<z.infer<typeof configSchema>>;
export type NodeConfig = Config['nodes'][number];
export type HostConfig = NodeConfig['hosts'][number];
