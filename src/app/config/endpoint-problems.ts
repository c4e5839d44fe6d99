/** Whether hosts' endpoints and their keys can be used. */
import { parseSshEndpoint } from '../../model/ssh-endpoint.ts';
import { parseTcpEndpoint } from '../../model/tcp-endpoint.ts';
import type { Config } from './schema.ts';

type Host = Config['nodes'][number]['hosts'][number];

export interface EndpointChecks {
  /** why a file can't be read; undefined if it can */
  readonly unreadable: (file: string) => string | undefined;
  /** SSH_AUTH_SOCK */
  readonly agentSocket: string | undefined;
}

/** A sentence for each fault, beginning with its key. */
export function endpointProblems({ nodes }: Config, checks: EndpointChecks): string[] {
  return nodes.flatMap(({ hosts }, n) =>
    hosts.flatMap((host, h) => hostProblems(host, `nodes[${String(n)}].hosts[${String(h)}]`, checks)),
  );
}

function hostProblems(host: Host, at: string, checks: EndpointChecks): string[] {
  const { endpoint } = host;
  const url = URL.parse(endpoint);
  const quoted = JSON.stringify(endpoint);
  switch (url?.protocol) {
    case 'unix:':
      if (url.host !== '' || url.pathname.length < 2)
        return [`${at}.endpoint: ${quoted} names no socket; use unix:///path/to.sock`];
      return foreignKeys(host, at, 'unix');
    case 'ssh:':
      return [
        ...unusable(parseSshEndpoint(endpoint), `${at}.endpoint: ${quoted}`),
        ...sshProblems(host, at, checks),
        ...foreignKeys(host, at, 'ssh'),
      ];
    case 'tcp:':
      return [
        ...unusable(parseTcpEndpoint(endpoint), `${at}.endpoint: ${quoted}`),
        ...(host.tls === undefined
          ? [`${at}.tls: missing; a tcp endpoint needs caFile, certFile and keyFile`]
          : []),
        ...foreignKeys(host, at, 'tcp'),
      ];
    default:
      return [
        `${at}.endpoint: ${quoted} is not supported by this version; use unix:///path/to.sock, ssh://user@host/path/to.sock or tcp://host:port`,
      ];
  }
}

function unusable(parsed: object, prefix: string): string[] {
  return 'problem' in parsed ? [`${prefix}: ${String(parsed.problem)}`] : [];
}

const owners = { ssh: 'ssh', tls: 'tcp', helperImage: 'tcp' } as const;

function foreignKeys(host: Host, at: string, scheme: 'unix' | 'ssh' | 'tcp'): string[] {
  return (Object.keys(owners) as (keyof typeof owners)[])
    .filter((key) => host[key] !== undefined && owners[key] !== scheme)
    .map(
      (key) =>
        `${at}.${key}: only ${owners[key]} endpoints have it, and this one is ${JSON.stringify(host.endpoint)}`,
    );
}

function sshProblems({ ssh }: Host, at: string, { unreadable, agentSocket }: EndpointChecks): string[] {
  if (ssh === undefined)
    return [`${at}.ssh: missing; an ssh endpoint needs knownHostsFile and privateKeyFile (or an ssh agent)`];
  const file = (key: string, path: string | undefined): string[] => {
    const why = path === undefined ? undefined : unreadable(path);
    return why === undefined ? [] : [`${at}.ssh.${key}: ${why}`];
  };
  const noKey =
    ssh.privateKeyFile === undefined && (ssh.agentSocket ?? agentSocket) === undefined
      ? [`${at}.ssh.privateKeyFile: missing, and there is no ssh agent (agentSocket, SSH_AUTH_SOCK)`]
      : [];
  return [
    ...noKey,
    ...file('privateKeyFile', ssh.privateKeyFile),
    ...file('knownHostsFile', ssh.knownHostsFile),
    ...file('agentSocket', ssh.agentSocket),
  ];
}
