/** What an ssh login needs of files: the keys that the host may have, and farlet's own. */
import type { Followed, FollowedFiles } from '../../util/followed-files.ts';
import { parseKnownHosts, type KnownHost } from './known-hosts.ts';

/** How to log in. Files are read at each attempt: keys may be renewed. */
export interface SshCredentials {
  readonly knownHostsFile: string;
  /** default: the agent's keys */
  readonly privateKeyFile?: string | undefined;
  /** an ssh agent's socket */
  readonly agentSocket?: string | undefined;
}

export interface SshFiles {
  readonly knownHosts: Followed<readonly KnownHost[]>;
  /** undefined: an agent has the keys */
  readonly privateKey: Followed<string> | undefined;
  release(): void;
}

export function sshFiles(
  { knownHostsFile, privateKeyFile }: SshCredentials,
  followed: FollowedFiles,
): SshFiles {
  const knownHosts = followKnownHosts(knownHostsFile, followed);
  const privateKey = privateKeyFile === undefined ? undefined : followKey(privateKeyFile, followed);
  return {
    knownHosts,
    privateKey,
    release: () => {
      knownHosts.release();
      privateKey?.release();
    },
  };
}

/** One that knew hosts and is empty now is taken for half written: keys are withdrawn with `@revoked`. */
function followKnownHosts(file: string, followed: FollowedFiles): Followed<readonly KnownHost[]> {
  let knew = false;
  return followed.follow({
    files: { knownHostsFile: file },
    parse: ({ knownHostsFile: content }) => {
      const known = parseKnownHosts(content.toString());
      if (knew && known.length === 0) throw new Error(`knownHostsFile ${file} names no host any more`);
      knew = known.length > 0;
      return known;
    },
  });
}

function followKey(file: string, followed: FollowedFiles): Followed<string> {
  return followed.follow({
    files: { privateKeyFile: file },
    parse: async ({ privateKeyFile: content }) => {
      const text = content.toString();
      const { utils } = (await import('ssh2')).default;
      const parsed = utils.parseKey(text);
      if (parsed instanceof Error)
        throw new Error(
          `${file} can't be used: ${parsed.message}; a key with a passphrase belongs into an ssh agent (ssh.agentSocket)`,
        );
      return text;
    },
  });
}
