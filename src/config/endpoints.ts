/** Whether hosts' endpoints and their keys can be used. */
import { parseSshEndpoint } from '../model/ssh-endpoint.ts';
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
  const { endpoint, ssh } = host;
  const url = URL.parse(endpoint);
  const quoted = JSON.stringify(endpoint);
  switch (url?.protocol) {
    case 'unix:':
      if (url.host !== '' || url.pathname.length < 2)
        return [`${at}.endpoint: ${quoted} names no socket; use unix:///path/to.sock`];
      return ssh === undefined ? [] : [`${at}.ssh: only ssh endpoints have it, and this one is ${quoted}`];
    case 'ssh:': {
      const parsed = parseSshEndpoint(endpoint);
      return [
        ...('problem' in parsed ? [`${at}.endpoint: ${quoted}: ${parsed.problem}`] : []),
        ...sshProblems(host, at, checks),
      ];
    }
    default:
      return [
        `${at}.endpoint: ${quoted} is not supported by this version; use unix:///path/to.sock or ssh://user@host/path/to.sock`,
      ];
  }
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
