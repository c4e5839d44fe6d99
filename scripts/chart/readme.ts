/** The chart's README: how it is used, and every value. Pure. */
import { rowsOf, tableOf, type Shape } from '../../src/app/config/reference.ts';

const intro = `# farlet

Installs farlet into a cluster: one Deployment that registers virtual Nodes and drives the container runtimes of hosts
over ssh, or over tcp with mutual TLS. How a host is prepared: [docs/hosts.md](../../docs/hosts.md).

\`\`\`sh
kubectl create namespace farlet
kubectl -n farlet create secret generic farlet-ssh \\
  --from-file=ssh-privatekey=id_ed25519 --from-file=known_hosts=known_hosts
helm install farlet charts/farlet --namespace farlet --values values.yaml
helm test farlet --namespace farlet --logs
\`\`\`

\`\`\`yaml
# values.yaml
image: {repository: registry.example.com/farlet}
ssh: {existingSecret: farlet-ssh}
config:
  nodes:
  - name: edge-1
    hosts:
    - {name: box-1, endpoint: ssh://farlet@198.51.100.9/run/containerd/containerd.sock}
\`\`\`

## What to know
- **\`config\` is farlet's configuration file**, key by key ([docs/configuration.md](../../docs/configuration.md)), and Helm
  checks it before anything is installed. The chart adds what only it knows: ports of the nodes (10250 and upwards), files of
  Secrets, the client CA, and the address that probes need.
- **Nodes, labels and keys change without a restart**: farlet takes over what is mounted about a minute after an upgrade
  ([what changes how](../../docs/operations.md#another-configuration)). Other keys of \`config\`, and \`logLevel\` (that of
  \`config\` does not), replace its pod; pods on the hosts run on. Give each node its \`port\`: those that the chart counts
  change when an earlier node goes.
- **The strategy is Recreate**, as a node has one farlet at a time ([ADR 15](../../docs/adr/0015-one-owner.md)). More \`replicas\` stand by and are not ready until
  they take over, so \`helm --wait\` does not end with more than one.
- **helm uninstall keeps Nodes and pods** (\`onUninstall: keep\`): the Nodes become NotReady, the hosts go on. With \`drain\`
  pods are moved away and the Nodes deleted first, so that nothing runs on the hosts; what is in the way ends the uninstall with
  farlet in place ([docs/operations.md](../../docs/operations.md#installed-by-the-chart)). \`farlet drain --delete\` does the same by hand.
- **Rights** are those of [docs/rbac.md](../../docs/rbac.md), held to the names of the nodes where RBAC can.
- **Pod Security**: the pods are \`restricted\`. Hosts over a unix socket are refused
  ([ADR 30](../../docs/adr/0030-taking-nodes-away.md)); reach the machine by ssh, also the one that farlet's pod is on.
- **\`check.onStart\`** has \`farlet check\` run in an init container, so that \`helm install --wait\` fails where something is amiss:
  \`kubectl logs\` with \`-c check\` says what. A host that is away then keeps all nodes waiting.
- **Secrets** are read again by farlet itself when they change: keys of ssh and tcp, and the kubelet API's certificate.
- **Where Helm can't ask the cluster** (\`helm template\`, some GitOps tools) set \`clientCA.pem\` and
  \`config.clusterDNS\`: else both are looked up at installation.
- **Alerts and a dashboard** are off until asked for: \`prometheusRule.enabled\` hands [files/alerts.yaml](files/alerts.yaml) to the
  Prometheus operator, \`dashboard.enabled\` hands [files/dashboard.json](files/dashboard.json) to Grafana's sidecar. Both files work
  without Helm; [docs/operations.md](../../docs/operations.md#alerts) says what to do about each alert. Without a monitor
  (\`podMonitor\` or \`serviceMonitor\`) nothing feeds them.
- **The API server must reach farlet's pod** on the ports of the nodes, for logs, exec and port-forward.

## Values
`;

/** `schema` is the JSON schema of the values. */
export function readme(schema: unknown): string {
  const rows = rowsOf(schema as Shape, '').filter(({ key }) => !isOfConfiguration(key));
  return `${intro}\n${tableOf(rows)}\n`;
}

/** They are in docs/configuration.md, but for what only the chart has. */
function isOfConfiguration(key: string): boolean {
  return key.startsWith('config.') && !/\.(ssh|tls)(\.|$)|\.port$/.test(key);
}
