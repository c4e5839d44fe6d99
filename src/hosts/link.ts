import type { Duplex } from 'node:stream';

/** How the CRI client reaches a host's runtime through its link. */
export interface CriEndpoint {
  /** a grpc-js target: `unix:/path` or `host:port` */
  readonly target: string;
  /** present on tcp links; PEM */
  readonly tls?: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer };
}

/** An address as the host sees it: its loopback is the host's own. */
export interface DialTarget {
  readonly host: string;
  readonly port: number;
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
  /** Opens a TCP connection from the host's network. Rejects with HostError. */
  dial(target: DialTarget, options: { signal: AbortSignal }): Promise<Duplex>;
  readonly files: HostFiles;
  close(): Promise<void>;
}

/** One step on the host's file system. Paths are absolute; modes are set exactly, whatever the umask. */
export type FileOp =
  /** Makes the folder and its missing parents (those 0755); an existing folder only gets mode and owner. */
  | {
      readonly op: 'mkdir';
      readonly path: string;
      readonly mode: number;
      readonly uid?: number;
      readonly gid?: number;
    }
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
  /** Removes a tree without ever crossing into another file system; nothing there is fine. */
  | { readonly op: 'remove-tree'; readonly path: string }
  /** Mounts a tmpfs on an existing folder; one already mounted there is kept. */
  | { readonly op: 'mount-tmpfs'; readonly path: string; readonly sizeBytes?: number; readonly mode: number }
  /** Unmounts; not mounted is fine. */
  | { readonly op: 'unmount'; readonly path: string };

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
}

/** An open file, for logs: reads go on in the same file when its name moves to another. */
export interface HostFile {
  /** Up to `length` bytes from `position`; an empty buffer at the end. */
  read(position: number, length: number): Promise<Buffer>;
  info(): Promise<FileInfo>;
  /** Whether the name leads to another file by now (log rotation); after a read this asks nothing of a far host. */
  moved(): Promise<boolean>;
  close(): Promise<void>;
}

/**
 * The host's files. Failures are HostErrors whose kind is `not-found`, `forbidden`, `resource-exhausted` (disk
 * full), `unavailable` (link down), or `internal`, and whose message names host, path and cause.
 */
export interface HostFiles {
  /** Does all steps in order as one batch (one round trip on a far host); stops at the first failure. */
  apply(ops: readonly FileOp[], options: { signal: AbortSignal }): Promise<void>;
  /** The whole file; more than maxBytes is an error of kind `invalid`. */
  readFile(path: string, options: { signal: AbortSignal; maxBytes: number }): Promise<Buffer>;
  /** The last maxBytes of the file. */
  readTail(path: string, options: { signal: AbortSignal; maxBytes: number }): Promise<Buffer>;
  open(path: string, options: { signal: AbortSignal }): Promise<HostFile>;
  /** undefined where nothing is; `follow` resolves symlinks. */
  stat(path: string, options: { signal: AbortSignal; follow?: boolean }): Promise<FileInfo | undefined>;
  readLink(path: string, options: { signal: AbortSignal }): Promise<string | undefined>;
  /** undefined where no folder is */
  list(path: string, options: { signal: AbortSignal }): Promise<DirEntry[] | undefined>;
  /** Mount points at or below the path, deepest first. */
  mountsBelow(path: string, options: { signal: AbortSignal }): Promise<string[]>;
  usage(path: string, options: { signal: AbortSignal }): Promise<FsUsage>;
  /** Yields when something in the folder may have changed, at the latest every second; ends with the signal. */
  changes(folder: string, options: { signal: AbortSignal }): AsyncIterable<void>;
}
