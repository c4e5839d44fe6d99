/**
 * Image names: the grammar and the messages of distribution/reference, and the default tag
 * (pkg/util/parsers/parsers.go, applyDefaultImageTag in pkg/kubelet/images/image_manager.go).
 */
import { own } from '../../model/own.ts';
import { FarletError } from '../../model/errors.ts';
import { goQuote } from '../../model/go-quote.ts';

export interface ImageReference {
  /** domain and path, completed as Docker Hub's where the name is short */
  readonly repository: string;
  /** `latest` if there is neither tag nor digest */
  readonly tag: string;
  readonly digest: string;
}

const maxLength = 4096;
const maxPath = 255;
const hub = 'docker.io';

const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const path = `${component}(?:/${component})*`;
const domainPart = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const domain = String.raw`(?:${domainPart}(?:\.${domainPart})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?`;
const tag = String.raw`[\w][\w.-]{0,127}`;
const digest = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const reference = new RegExp(`^(?:(${domain})/)?(${path})(?::(${tag}))?(?:@(${digest}))?$`);
const identifier = /^[a-f0-9]{64}$/;
const digestSizes: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** Throws FarletError `invalid`: `couldn't parse image name …`. */
export function parseImageName(image: string): ImageReference {
  const wrong = (why: string): FarletError =>
    new FarletError('invalid', `couldn't parse image name ${goQuote(image)}: ${why}`);
  if (identifier.test(image))
    throw wrong(`invalid repository name (${image}), cannot specify 64-byte hexadecimal strings`);
  const { host, rest } = completed(image);
  const name = rest.split(':', 1)[0] ?? '';
  if (name.toLowerCase() !== name)
    throw wrong(`invalid reference format: repository name (${name}) must be lowercase`);
  const whole = `${host}/${rest}`;
  const match = whole.length > maxLength ? null : reference.exec(whole);
  if (match === null)
    throw wrong(
      whole.length <= maxLength && reference.test(whole.toLowerCase())
        ? 'repository name must be lowercase'
        : 'invalid reference format',
    );
  const [, registry = '', repository = '', ownTag = '', ownDigest = ''] = match;
  if (repository.length > maxPath) throw wrong(`repository name must not be more than ${maxPath} characters`);
  const badDigest = digestFault(ownDigest);
  if (badDigest !== undefined) throw wrong(badDigest);
  return {
    repository: registry === '' ? repository : `${registry}/${repository}`,
    tag: ownTag === '' && ownDigest === '' ? 'latest' : ownTag,
    digest: ownDigest,
  };
}

/** The name as written, with `:latest` where it has neither tag nor digest. Throws as parseImageName. */
export function withDefaultTag(image: string): string {
  const { tag: own, digest: ownDigest } = parseImageName(image);
  return ownDigest === '' && !image.endsWith(`:${own}`) ? `${image}:${own}` : image;
}

/** A first part counts as a registry if it looks like a host; all else is on Docker Hub. */
function completed(image: string): { host: string; rest: string } {
  const slash = image.indexOf('/');
  if (slash === -1) return { host: hub, rest: `library/${image}` };
  const first = image.slice(0, slash);
  const after = image.slice(slash + 1);
  const isHost = first === 'localhost' || /[.:]/.test(first) || first.toLowerCase() !== first;
  const host = first === 'index.docker.io' || !isHost ? hub : first;
  const rest = isHost ? after : image;
  return { host, rest: host === hub && !rest.includes('/') ? `library/${rest}` : rest };
}

function digestFault(text: string): string | undefined {
  if (text === '') return undefined;
  const [algorithm = '', encoded = ''] = text.split(':');
  const size = own(digestSizes, algorithm);
  if (size === undefined) return 'unsupported digest algorithm';
  if (encoded.length !== size) return 'invalid checksum digest length';
  return /^[a-f0-9]+$/.test(encoded) ? undefined : 'invalid checksum digest format';
}
