import type { Duplex } from 'node:stream';
import type { DialUse, DialUsage } from './dial-limits.ts';
import type { DialTarget } from './dial-target.ts';
import type { HostUsage, UsageQuery } from './host-usage.ts';
import type { LinkTraffic } from './traffic.ts';

/** How the CRI client reaches a host's runtime through its link. */
export interface CriEndpoint {
  /** a grpc-js target: `unix:/path` or `host:port` */
  readonly target: string;
  /** the link itself notices when nothing answers: calls need not be kept alive */
  readonly watched?: boolean;
  /** present on tcp links; PEM */
  readonly tls?: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer };
}

export interface DialOptions {
  readonly signal: AbortSignal;
  /** whose places it takes; `user` unless told */
  readonly use?: DialUse;
}

/**
 * The way to one host, of whatever kind: the CRI channel, connections that start at the host, and the host's
 * files. Everything farlet does on a host goes through here.
 */
export interface HostLink {
  readonly name: string;
  /** the endpoint as configured, for messages */
  readonly endpoint: string;
  cri(): CriEndpoint;
  /** Why the host can't be reached, on links that have a connection of their own and know. */
  fault?(): string | undefined;
  /**
   * How often the way to the host has been made, on links that make one: another number than before says that
   * the host may have been gone, and even booted, in between.
   */
  connections?(): number;
  /** Bytes that went over its connections since it was opened, on links that make some. */
  traffic?(): LinkTraffic;
  /**
   * What the link itself lacks on a host whose runtime answers, after trying for a few seconds to mend it.
   * Asked with every look at the runtime: asks nothing of the host while all is well.
   */
  problem?(options: { signal: AbortSignal }): Promise<string | undefined>;
  /**
   * Opens a TCP connection from the host's network. Rejects with TargetError if nobody takes it, or with the
   * signal's reason if nobody has by then; with another HostError if the way to the host does not let it be
   * tried.
   */
  dial(target: DialTarget, options: DialOptions): Promise<Duplex>;
  /**
   * Marks this moment, on links that can be cut, by asking the host for an answer that nobody waits for. What
   * it returns tells whether the way to the host has been whole ever since: that answer has come by then, and
   * another one does within two seconds.
   */
  witness?(): (options: { signal: AbortSignal }) => Promise<boolean>;
  /** How many connections are open or wait for a place, on links that count them. */
  dials?(): readonly DialUsage[];
  /**
   * Opens a connection to the runtime's streaming server, secured and verified, for a URL that it gave out;
   * on links that reach that server on their own. Without it the URL is dialed from the host.
   */
  dialStream?(url: URL, options: { signal: AbortSignal }): Promise<Duplex>;
  /**
   * Takes TCP connections at a port of the host, on as many of its addresses as the host lets it; on links to
   * other machines. Rejects with HostError where that can't be.
   */
  listen?(port: number, options: ListenOptions): Promise<HostListener>;
  readonly files: HostFiles;
  close(): Promise<void>;
}

export interface ListenOptions {
  readonly signal: AbortSignal;
  /** Whoever takes a connection ends it. */
  readonly onConnection: (stream: Duplex) => void;
}

export interface HostListener {
  /** resolves with why, once no more connections come */
  readonly ended: Promise<string>;
  /** what may be wrong where the host's addresses do not lead to it */
  readonly advice: string;
  close(): void;
}

/** One step on the host's file system. Paths are absolute; modes are set exactly, whatever the umask. */
export type FileOp =
  /**
   * Makes the folder and its missing parents (those 0755); an existing folder only gets mode and owner, and
   * with `keep` not even those; a link that leads nowhere is kind `already-exists`. A failure names the place
   * where it happened, as Go's os.MkdirAll does.
   */
  | {
      readonly op: 'mkdir';
      readonly path: string;
      readonly mode: number;
      readonly uid?: number;
      readonly gid?: number;
      readonly keep?: boolean;
    }
  /**
   * Makes the missing folders of `path`, which is relative to the existing folder `root`, each with root's
   * own mode. Links are followed only as long as they stay below root; one that leads out fails with kind
   * `forbidden`, and nothing is ever made outside, whoever swaps folders for links meanwhile. A file at the
   * end is left alone.
   */
  | { readonly op: 'mkdir-within'; readonly root: string; readonly path: string }
  /**
   * Makes an empty file unless something is there; its folder is not made. With `follow`, where a dangling
   * link leads.
   */
  | { readonly op: 'touch'; readonly path: string; readonly mode: number; readonly follow?: boolean }
  /** Writes a whole file, replacing what was there. */
  | {
      readonly op: 'write';
      readonly path: string;
      readonly data: Buffer;
      readonly mode: number;
      readonly uid?: number;
      readonly gid?: number;
    }
  /** Makes a symlink; replaces a file or link of that name. */
  | { readonly op: 'symlink'; readonly path: string; readonly target: string }
  | { readonly op: 'rename'; readonly from: string; readonly to: string }
  | { readonly op: 'chmod'; readonly path: string; readonly mode: number }
  | { readonly op: 'lchown'; readonly path: string; readonly uid: number; readonly gid: number }
  /** Removes a file, link or empty folder; nothing there is fine. */
  | { readonly op: 'remove'; readonly path: string }
  /**
   * Removes a tree without ever crossing into another file system; nothing there is fine. `isFree`: farlet
   * itself wrote it into a volume of its own, where nothing can be mounted, so that it need not be looked for
   * in a table with a line for each of thousands of pods.
   */
  | { readonly op: 'remove-tree'; readonly path: string; readonly isFree?: boolean }
  /**
   * Gives a whole tree to a group (pkg/volume/volume_linux.go): every entry's group becomes `gid`, links'
   * too; what is no link gets ug+rw (ug+r if `readOnly`), folders also ug+x and setgid; setuid and setgid
   * bits of files are kept. The root comes last. With `onlyOnRootMismatch` nothing is done if the root
   * already is as it would become. What can't be changed is left as it is. Takes as long as it takes: only
   * the signal ends it.
   */
  | {
      readonly op: 'own-tree';
      readonly path: string;
      readonly gid: number;
      readonly readOnly: boolean;
      readonly onlyOnRootMismatch: boolean;
    }
  /**
   * Mounts a tmpfs on an existing folder, without swap where the kernel can; one already mounted there is
   * kept, which with `isFree` is not looked for.
   */
  | {
      readonly op: 'mount-tmpfs';
      readonly path: string;
      readonly sizeBytes?: number;
      readonly mode: number;
      readonly gid?: number;
      readonly isFree?: boolean;
    }
  /**
   * Tells the file system that the folders in this one have nothing to do with each other (chattr(1) +T): it
   * spreads them over the disk. A hint: where it can't be given, or means nothing, nothing happens.
   */
  | { readonly op: 'spread'; readonly path: string }
  /**
   * `mount -t type -o options -- source path` on an existing folder; what is already mounted there is kept. A
   * failure's message shows the command and what it printed, in the form of k8s.io/mount-utils.
   */
  | {
      readonly op: 'mount';
      readonly type: 'nfs' | 'hugetlbfs';
      readonly source: string;
      readonly path: string;
      readonly options: readonly string[];
    }
  /**
   * Binds a file or folder onto path, which is made (folder 0750, file 0640) in an existing folder. If the
   * very same file is mounted there nothing is done; anything else mounted there is unmounted first.
   * `options` besides bind, as `ro`, are set by a remount.
   */
  | {
      readonly op: 'bind';
      readonly source: string;
      readonly path: string;
      readonly options?: readonly string[];
    }
  /**
   * Unmounts what is mounted at path and below it, without reaching other places where that is mounted as
   * well; not mounted is fine. A network file system whose server is silent is unmounted by force.
   */
  | { readonly op: 'unmount'; readonly path: string }
  /**
   * Compresses a file where it lies: `<path>.gz` takes its place with the same mode, by way of `<path>.tmp`.
   * As a command: `gzip -c <path> > <path>.tmp && chmod --reference … && mv <path>.tmp <path>.gz && rm
   * <path>`.
   */
  | { readonly op: 'gzip'; readonly path: string }
  /** Writes a value into a file of the kernel (a control group's) that is there, in one write. */
  | { readonly op: 'set'; readonly path: string; readonly value: string }
  /**
   * Removes a control group and those below it, deepest first; nothing there is fine. One that still has
   * processes is an error of kind `conflict`; with `kill` they are killed first
   * (pod_container_manager_linux.go Destroy).
   */
  | { readonly op: 'remove-cgroup'; readonly path: string; readonly kill?: boolean };

/** A line of the host's mount table (proc(5), mountinfo). */
export interface MountEntry {
  /** where it is mounted */
  readonly path: string;
  /** `major:minor` of the file system */
  readonly device: string;
  /** which folder or file of that file system is mounted */
  readonly root: string;
  /** e.g. ext4, tmpfs, nfs4 */
  readonly type: string;
}

export type FileType = 'file' | 'directory' | 'symlink' | 'socket' | 'char-device' | 'block-device' | 'fifo';

export interface FileInfo {
  readonly type: FileType;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** ms since the epoch */
  readonly mtime: number;
  /** tells one file from the next under the same name (log rotation) */
  readonly inode: number;
  readonly device: number;
}

export interface DirEntry {
  readonly name: string;
  readonly type: FileType;
}

export interface FsUsage {
  readonly capacityBytes: number;
  readonly availableBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
  /** what only root may still take as well */
  readonly freeBytes?: number;
}

/** What a tree takes up: hard links once, nothing of what is mounted in it (`du -x`). */
export interface TreeUsage {
  readonly bytes: number;
  readonly inodes: number;
}

/** One thing to look at on a host. */
export type HostQuery =
  /** the beginning of a file, 64 KiB at most */
  | { readonly look: 'text'; readonly path: string }
  /** what is there, symlinks followed */
  | { readonly look: 'stat'; readonly path: string }
  /** the file system that the path is on */
  | { readonly look: 'usage'; readonly path: string }
  /** everything below a path; those of one look don't lie within each other */
  | { readonly look: 'tree'; readonly path: string };

/** The answer to one query: the field of its name; empty where nothing is there. */
export interface HostAnswer {
  readonly text?: string;
  readonly stat?: FileInfo;
  readonly usage?: FsUsage;
  readonly tree?: TreeUsage;
}

/** How a call is made. */
export interface Call {
  readonly signal: AbortSignal;
  /**
   * The path leads to where a pod or another machine may hold it up (volumes that are not farlet's own: a
   * hostPath, nfs). Such calls hold up only their like, and end with kind deadline-exceeded after at most 20
   * s.
   */
  readonly mayHang?: boolean;
}

/** An open file, for logs: reads go on in the same file when its name moves to another. */
export interface HostFile {
  /** Up to `length` bytes from `position`; an empty buffer at the end. */
  read(position: number, length: number): Promise<Buffer>;
  /** as it was when it was opened */
  readonly opened: FileInfo;
  /**
   * Whether the name leads to another file by now (log rotation); after a read this asks nothing of a far
   * host.
   */
  moved(): Promise<boolean>;
  /**
   * The last read found that the file is gone with all its names: what was not read before can't be read any
   * more.
   */
  isLost?(): boolean;
  close(): Promise<void>;
}

/**
 * The host's files. Failures are HostErrors whose kind is `not-found`, `forbidden`, `resource-exhausted`
 * (disk full), `unavailable` (link down), `invalid` (too long, or no regular file), or `internal`, and whose
 * message names host, path and cause. What is no regular file is never opened: a FIFO would be waited for,
 * and a device do who knows what.
 */
export interface HostFiles {
  /**
   * Does all steps in order as one batch (one round trip on a far host); stops at the first failure. Files
   * that follow each other may be written side by side, and links made.
   */
  apply(ops: readonly FileOp[], options: Call): Promise<void>;
  /** The whole file; more than maxBytes is an error of kind `invalid`. */
  readFile(path: string, options: { signal: AbortSignal; maxBytes: number }): Promise<Buffer>;
  /** The last maxBytes of the file. */
  readTail(path: string, options: { signal: AbortSignal; maxBytes: number }): Promise<Buffer>;
  /**
   * A file that a pod may have put there: of the folder `root`, which itself is not the pod's, the file
   * `path`. Links are followed below root only, as if root were /. The whole file, or its last maxBytes with
   * `tail`. Rejects with kind `invalid` for what is no regular file; never waits longer than 20 s
   * (docs/adr/0017-hostile-files.md).
   */
  readPodFile(
    root: string,
    path: string,
    options: { signal: AbortSignal; maxBytes: number; tail?: boolean },
  ): Promise<Buffer>;
  open(path: string, options: { signal: AbortSignal }): Promise<HostFile>;
  /** undefined where nothing is; `follow` resolves symlinks. */
  stat(path: string, options: Call & { follow?: boolean }): Promise<FileInfo | undefined>;
  readLink(path: string, options: { signal: AbortSignal }): Promise<string | undefined>;
  /** undefined where no folder is */
  list(path: string, options: Call): Promise<DirEntry[] | undefined>;
  /** The host's mount table, in the order of mounting: of several mounts on one path the last is seen. */
  mounts(options: { signal: AbortSignal }): Promise<readonly MountEntry[]>;
  /** The path with all links resolved; rejects with kind not-found where nothing is. */
  realPath(path: string, options: Call): Promise<string>;
  usage(path: string, options: Call): Promise<FsUsage>;
  /**
   * Answers all queries in their order, in one round trip on a far host. What is not there, or vanishes
   * meanwhile, is an empty answer; any other failure rejects the whole.
   */
  look(queries: readonly HostQuery[], options: { signal: AbortSignal }): Promise<HostAnswer[]>;
  /** What the host and its control groups use, in one round trip and by as few processes for many. */
  readUsage(query: UsageQuery, options: { signal: AbortSignal }): Promise<HostUsage>;
  /**
   * Yields when something in the folder may have changed, at the latest every second; ends with the signal.
   * `file`: the one that is read on as it grows; a far host sends what it has gained along with the change.
   */
  changes(folder: string, options: { signal: AbortSignal; file?: () => HostFile }): AsyncIterable<void>;
}
