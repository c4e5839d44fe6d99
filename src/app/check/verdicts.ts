/** What is made of what a host answered: well or not, in words, and what to do. Pure. */
import { own } from '../../model/own.ts';
import type { RuntimeHandlerInfo } from '../../hosts/runtime-host.ts';
import type { ErrorKind } from '../../model/errors.ts';
import type { Row } from './table.ts';

export type Verdict = Omit<Row, 'what'>;

const SLOW_MS = 250;
const SKEW_FAIL_MS = 300_000;

/** Why a host can't be reached, or its runtime does not answer as one: which of the two, and what to do. */
export function unreachable(
  endpoint: string,
  { fault, error, kind }: { fault: string | undefined; error: string; kind: ErrorKind },
): Row {
  const scheme = endpoint.slice(0, endpoint.indexOf(':'));
  if (fault === undefined && kind === 'unimplemented')
    return {
      what: 'runtime',
      state: 'fail',
      found: `${endpoint}: ${error}`,
      advice: `it serves no CRI v1: its log tells if the plugin failed to load (journalctl -u containerd); take cri out of disabled_plugins in its configuration (containerd.io packages put it there); use containerd 1.6 or newer`,
    };
  if (fault === undefined && kind === 'deadline-exceeded')
    return {
      what: 'runtime',
      state: 'fail',
      found: `${endpoint}: ${error}`,
      advice:
        'it takes the connection and does not answer: see its log (journalctl -u containerd), and restart it',
    };
  const found = `${endpoint}: ${fault ?? error}`;
  // what the endpoint itself says is no cause
  const cause = (fault ?? error).replaceAll(endpoint, '');
  const advice = (own(linkAdvice, scheme) ?? []).find(({ matches }) => matches.test(cause))?.advice;
  return { what: 'link', state: 'fail', found, advice };
}

/** Whether the account of a node's own kubeconfig is held to that node by the API server. */
export function nodeAccountVerdict(
  node: string,
  { user, groups }: { user: string; groups: readonly string[] },
): Verdict {
  const own = `system:node:${node}`;
  if (user === own && groups.includes('system:nodes')) return { state: 'ok', found: user };
  if (user.startsWith('system:node:') && user !== own)
    return { state: 'fail', found: `${user} is another node`, advice: `give it the kubeconfig of ${own}` };
  return {
    state: 'warn',
    found: `${user} is no node's, and is held to no node`,
    advice: `take a certificate of user ${own} and group system:nodes, or see that the account has the rights of docs/rbac.md`,
  };
}

interface Advice {
  readonly matches: RegExp;
  readonly advice: string;
}

/** The links' own messages about keys and certificates say what to do; these are what a system says. */
const linkAdvice: Readonly<Record<string, readonly Advice[]>> = {
  unix: [
    {
      matches: /EACCES|EPERM|permission denied/i,
      advice: 'run farlet as root, or as a member of the group that the socket belongs to',
    },
    {
      matches: /ENOENT|ENOTDIR/,
      advice:
        'is the runtime running, and is this its socket? containerd: /run/containerd/containerd.sock (k3s: /run/k3s/containerd/containerd.sock), CRI-O: /run/crio/crio.sock; in a container it must be mounted',
    },
    {
      matches: /ECONNREFUSED/,
      advice: 'nothing listens on it: is the runtime running? (systemctl status containerd)',
    },
    { matches: /./, advice: 'is the runtime running, and may farlet open its socket?' },
  ],
  ssh: [
    // these tell by themselves
    {
      matches: /can't be used: |does not contain a \(valid\) private key/i,
      advice:
        'privateKeyFile is to hold the private half (-----BEGIN … PRIVATE KEY-----, not the .pub file) without a passphrase; ssh-keygen -y -f FILE shows whether it does',
    },
    {
      matches: /is not the one in /,
      advice:
        "stop unless you know why it changed: somebody may read and alter all that is said. Compare it on the host's own console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
    },
    {
      matches: /known_hosts|is not in |revoked|certificates/i,
      advice:
        'compare the fingerprint with the one that the host itself shows: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub',
    },
    {
      matches: /was refused: add|authentication|all configured authentication methods failed|publickey/i,
      advice:
        "put farlet's public key into ~/.ssh/authorized_keys of that user on the host; for root sshd needs PermitRootLogin prohibit-password",
    },
    {
      matches: /sudo/i,
      advice:
        'log in as root, or let the user run /bin/sh by sudo without a password (visudo: USER ALL=(root) NOPASSWD: /bin/sh)',
    },
    { matches: /ECONNREFUSED/, advice: 'nothing listens there: is sshd running, and on this port?' },
    {
      matches: /ENOTFOUND|EAI_AGAIN/,
      advice: 'the name is not known here: write the address into the endpoint, or see DNS',
    },
    {
      matches: /ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|timed? ?out|no answer/i,
      advice:
        'no packet comes back: is the host up, is the address right, and does a firewall admit this machine to the port of sshd?',
    },
    {
      matches: /ENOENT|open failed|No such file|administratively prohibited|containerd\.sock/i,
      advice:
        'is the runtime running, and is the path in the endpoint its socket? sshd needs AllowStreamLocalForwarding and AllowTcpForwarding',
    },
  ],
  tcp: [
    {
      matches: /ENOTFOUND|EAI_AGAIN/,
      advice: 'the name is not known here: write the address into the endpoint, or see DNS',
    },
    {
      matches: /ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|timed? ?out|no answer/i,
      advice:
        'no packet comes back: is the host up, is the address right, and does a firewall admit this machine to tcp_address and stream_server_port?',
    },
  ],
};

/** Of round trips; the quickest counts, others waited for something. */
export function latencyVerdict(roundTripsMs: readonly number[]): Verdict {
  const best = Math.min(...roundTripsMs);
  const found = `${best < 10 ? best.toFixed(1) : String(Math.round(best))} ms a round trip`;
  return best <= SLOW_MS
    ? { state: 'ok', found }
    : {
        state: 'warn',
        found,
        advice: 'a pod takes some eight of them to start: run farlet nearer to the host',
      };
}

/** A condition of CRI Status, RuntimeReady or NetworkReady. */
export function conditionVerdict(condition: {
  type: string;
  status: boolean;
  reason: string;
  message: string;
}): Verdict {
  const { type, status, reason, message } = condition;
  if (status) return { state: 'ok', found: 'true' };
  return {
    state: 'fail',
    found: message === '' ? reason : message,
    advice:
      type === 'NetworkReady'
        ? "the runtime has no CNI network: put a configuration into /etc/cni/net.d and its plugins into /opt/cni/bin, or where the runtime's cni settings point (docs/hosts.md)"
        : 'see the log of the runtime (journalctl -u containerd)',
  };
}

export function handlersVerdict(handlers: readonly RuntimeHandlerInfo[]): Verdict {
  const names = handlers
    .filter(({ name }) => name !== '')
    .map(({ name, ownKernel }) => (ownKernel ? `${name} (own kernel)` : name));
  return {
    state: 'ok',
    found: names.length === 0 ? 'the runtime does not report which it has' : names.sort().join(', '),
  };
}

/** `aheadMs`: of the host's clock; 0 as long as the two can't be told apart. */
export function clockVerdict(aheadMs: number): Verdict {
  if (aheadMs === 0) return { state: 'ok', found: "as farlet's" };
  const size = Math.abs(aheadMs);
  return {
    state: size < SKEW_FAIL_MS ? 'warn' : 'fail',
    found: `${duration(size)} ${aheadMs < 0 ? 'behind' : 'ahead of'} farlet's`,
    advice: `set it by NTP, here or there (timedatectl set-ntp true): ages and logs are dated wrongly${size < SKEW_FAIL_MS ? '' : ', certificates and tokens seem not to be valid yet or any more'}`,
  };
}

function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${String(seconds)} s`;
  return seconds < 7_200
    ? `${String(Math.round(seconds / 60))} min`
    : `${String(Math.round(seconds / 3600))} h`;
}

/** capabilities(7): what files of pods and mounts need, by number */
const needed = [
  [0, 'CAP_CHOWN'],
  [1, 'CAP_DAC_OVERRIDE'],
  [3, 'CAP_FOWNER'],
  [4, 'CAP_FSETID'],
  [5, 'CAP_KILL'],
  [21, 'CAP_SYS_ADMIN'],
] as const;

/** By /proc/self/status of what does farlet's file work on the host. */
export function rightsVerdict(status: string): Verdict {
  const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1];
  const effective = /^CapEff:\s+([0-9a-f]+)/m.exec(status)?.[1];
  if (uid === undefined || effective === undefined)
    return { state: 'warn', found: 'the host does not tell (/proc/self/status)' };
  const set = BigInt(`0x${effective}`);
  const missing = needed.filter(([bit]) => ((set >> BigInt(bit)) & 1n) === 0n).map(([, name]) => name);
  const who = uid === '0' ? 'root' : `user ${uid}`;
  if (missing.length === 0) return { state: 'ok', found: `${who}, with all that files and mounts need` };
  return {
    state: 'fail',
    found: `${who}, without ${missing.join(', ')}`,
    advice:
      'let farlet work as root there: over ssh as root or with sudo, in a container with securityContext.privileged',
  };
}

const sandboxAdvice: readonly Advice[] = [
  {
    matches: /failed to (get|pull|resolve).*image|sandbox image|pause/i,
    advice:
      "the host can't get the image that sandboxes are made of: let it reach the registry, or import one (ctr -n k8s.io images import FILE) and name it in the runtime's sandbox_image",
  },
  {
    matches: /cni|network|plugin|ipam/i,
    advice:
      "the host's CNI network does not work: see /etc/cni/net.d, the plugins in /opt/cni/bin, and the runtime's log",
  },
  {
    matches: /cgroup|systemd/i,
    advice:
      'runtime and host do not agree on cgroups: SystemdCgroup in the options of runc, and cgroupDriver here',
  },
];

/** Why no sandbox could be made. */
export function sandboxVerdict(error: string): Verdict {
  return {
    state: 'fail',
    found: error,
    advice:
      sandboxAdvice.find(({ matches }) => matches.test(error))?.advice ??
      "pods would fail likewise: see the runtime's log (journalctl -u containerd)",
  };
}

const apiAdvice: readonly Advice[] = [
  {
    matches: /ECONNREFUSED/,
    advice: 'nothing listens there: is the API server running, and is `server` in the kubeconfig right?',
  },
  {
    matches: /ENOTFOUND|EAI_AGAIN/,
    advice: 'the name is not known here: see DNS, or write the address into `server` of the kubeconfig',
  },
  {
    matches: /ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|timed? ?out|no answer/i,
    advice:
      'no packet comes back: is the address right, and does a firewall admit this machine to the API server?',
  },
  {
    matches: /unable to verify|self[- ]signed|unable to get (local )?issuer/i,
    advice:
      "its certificate is not of a CA that the kubeconfig names: set certificate-authority(-data) of the cluster to the API server's CA",
  },
  {
    matches: /HTTP protocol is not allowed|http:\/\//i,
    advice: 'write https:// into `server` of the kubeconfig: an API server speaks TLS only',
  },
  {
    matches: /unauthorized|credentials|401/i,
    advice: "the API server does not know who this is: renew the kubeconfig's token or certificate",
  },
];

/** Why the API server could not be asked, and what to do. */
export function apiVerdict(error: string): Verdict {
  return {
    state: 'fail',
    found: error,
    advice: apiAdvice.find(({ matches }) => matches.test(error))?.advice,
  };
}

/** What the kubelet API is reached by; `nodeIP` undefined: it is found out at start. */
export function kubeletApiVerdict({
  nodeIP,
  port,
  isNear,
}: {
  readonly nodeIP: string | undefined;
  readonly port: number;
  /** the API server is on this machine */
  readonly isNear: boolean;
}): Verdict {
  const found = `the API server is to reach it at ${nodeIP ?? 'the address of the route to the API server'}, port ${String(port)}`;
  return !isNear && nodeIP !== undefined && /^127\.|^::1$/.test(nodeIP)
    ? {
        state: 'warn',
        found,
        advice: 'set nodeIP: only an API server on this very machine reaches this address, for logs and exec',
      }
    : { state: 'ok', found };
}

/** `problem`: what is wrong with the file of CAs, `soon` if it only will be; undefined: nothing. */
export function clientCaVerdict(
  file: string | undefined,
  problem: { readonly kind: string; readonly text: string } | undefined,
): Verdict {
  if (file === undefined)
    return {
      state: 'warn',
      found: 'authentication.x509.clientCAFile is not set: kubectl logs and exec are refused (Unauthorized)',
      advice:
        "set it to the CA of the API server's kubelet client certificate, on kubeadm clusters /etc/kubernetes/pki/ca.crt",
    };
  if (problem === undefined) return { state: 'ok', found: file };
  return {
    state: problem.kind === 'soon' ? 'warn' : 'fail',
    found: `${file} ${problem.text}`,
    advice: "put the CA of the API server's kubelet client certificate there",
  };
}

/** A key file that others may read: ssh itself would refuse it. */
export function keyModeVerdict(
  file: string,
  {
    mode,
    group,
    ownGroup,
  }: {
    readonly mode: number;
    /** of a file of root's */
    readonly group?: number | undefined;
    /** of this process */
    readonly ownGroup?: number | undefined;
  },
): Verdict | undefined {
  // so a Secret is handed to a pod that is not root, by fsGroup
  const ours = group !== undefined && group !== 0 && group === ownGroup ? 0o040 : 0;
  if ((mode & 0o077 & ~ours) === 0) return undefined;
  return {
    state: 'warn',
    found: `${file} has mode ${(mode & 0o777).toString(8)}: others than its owner may read farlet's key`,
    advice: `chmod 600 ${file}`,
  };
}
