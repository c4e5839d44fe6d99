/**
 * Pull records as files, in the kubelet's form (kubelet.config.k8s.io/v1beta1,
 * pullmanager/fs_pullrecords.go). Pure.
 */
import { createHash } from 'node:crypto';
import type { FileOp } from '../../hosts/link/link.ts';
import { rfc3339 } from '../../util/clock.ts';
import type { PulledRecord, PulledWith, SecretSource } from './pull-verification.ts';

const apiVersion = 'kubelet.config.k8s.io/v1beta1';
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

export interface RecordFolders {
  readonly pulling: string;
  readonly pulled: string;
}

export function recordFolders(rootDir: string): RecordFolders {
  return { pulling: `${rootDir}/image_manager/pulling`, pulled: `${rootDir}/image_manager/pulled` };
}

/** Records are read before anything is written, so that the folders are made with the first of them. */
export function makeFolders({ pulling, pulled }: RecordFolders): FileOp[] {
  return [pulling, pulled].map((path) => ({ op: 'mkdir', path, mode: FOLDER_MODE }));
}

export function writeIntent({ pulling }: RecordFolders, image: string): FileOp[] {
  return write(fileOf(pulling, image), { kind: 'ImagePullIntent', apiVersion, image });
}

export function removeIntent({ pulling }: RecordFolders, image: string): FileOp {
  return { op: 'remove', path: fileOf(pulling, image) };
}

export function writeRecord({ pulled }: RecordFolders, record: PulledRecord): FileOp[] {
  return write(fileOf(pulled, record.imageRef), {
    kind: 'ImagePulledRecord',
    apiVersion,
    lastUpdatedTime: rfc3339(record.updatedAt),
    imageRef: record.imageRef,
    credentialMapping: Object.fromEntries(
      [...record.pulledWith].map(([name, pulledWith]) => [
        name,
        pulledWith.open
          ? { nodePodsAccessible: true }
          : {
              kubernetesSecrets: pulledWith.secrets.map(({ hash, ...secret }) => ({
                ...secret,
                credentialHash: hash,
              })),
            },
      ]),
    ),
  });
}

export function removeRecord({ pulled }: RecordFolders, imageRef: string): FileOp {
  return { op: 'remove', path: fileOf(pulled, imageRef) };
}

/** undefined for a text that is no intent, such as one cut off by a crash. */
export function parseIntent(text: string): string | undefined {
  const { image } = fields(text);
  return typeof image === 'string' ? image : undefined;
}

/** undefined for a text that is no record: the image then counts as never pulled by farlet. */
export function parseRecord(text: string): PulledRecord | undefined {
  const { imageRef, lastUpdatedTime, credentialMapping } = fields(text);
  if (typeof imageRef !== 'string' || typeof lastUpdatedTime !== 'string') return undefined;
  return {
    imageRef,
    updatedAt: Date.parse(lastUpdatedTime) || 0,
    pulledWith: new Map(
      Object.entries(asRecord(credentialMapping)).map(([name, value]) => [name, pulledWithOf(value)]),
    ),
  };
}

function pulledWithOf(value: unknown): PulledWith {
  const { nodePodsAccessible, kubernetesSecrets } = asRecord(value);
  if (nodePodsAccessible === true) return { open: true };
  const list: unknown[] = Array.isArray(kubernetesSecrets) ? kubernetesSecrets : [];
  return {
    open: false,
    secrets: list
      .map(asRecord)
      .flatMap(({ uid, namespace, name, credentialHash: hash }): SecretSource[] =>
        typeof uid === 'string' &&
        typeof namespace === 'string' &&
        typeof name === 'string' &&
        typeof hash === 'string'
          ? [{ uid, namespace, name, hash }]
          : [],
      ),
  };
}

function fields(text: string): Record<string, unknown> {
  try {
    return asRecord(JSON.parse(text));
  } catch {
    return {};
  }
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function fileOf(folder: string, key: string): string {
  return `${folder}/sha256-${createHash('sha256').update(key).digest('hex')}`;
}

/** Whole or not at all. */
function write(path: string, content: object): FileOp[] {
  const temporary = `${path}.tmp`;
  return [
    { op: 'write', path: temporary, data: Buffer.from(JSON.stringify(content)), mode: FILE_MODE },
    { op: 'rename', from: temporary, to: path },
  ];
}
