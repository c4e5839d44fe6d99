/**
 * A self-signed serving certificate, for when none is given. Node's crypto signs but writes no certificates;
 * what is needed here is one fixed shape of X.509 v3 (RFC 5280), so its DER is written out instead of taking
 * in a whole PKI library.
 */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

const YEAR_MS = 365 * 24 * 3_600_000;
/** How long before its end a certificate is replaced. */
export const RENEW_BEFORE_MS = 73 * 24 * 3_600_000;

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const length = body.length < 0x100 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts);
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const time = (ms: number): Buffer =>
  der(
    0x18,
    Buffer.from(
      new Date(ms)
        .toISOString()
        .replace(/\.\d{3}Z$/, 'Z')
        .replace(/[-:T]/g, ''),
    ),
  );
const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(critical ? [der(0x01, Buffer.from([0xff]))] : []), der(0x04, value));

/** In the order of the wire; empty for what is no address. */
function addressBytes(ip: string): Buffer {
  if (isIPv4(ip)) return Buffer.from(ip.split('.').map(Number));
  const text = URL.parse(`http://[${ip}]`)?.hostname.slice(1, -1);
  if (text === undefined) return Buffer.alloc(0);
  const [before = [], after = []] = text
    .split('::')
    .map((part) => part.split(':').flatMap((group) => (group === '' ? [] : [Number.parseInt(group, 16)])));
  const between = Array.from({ length: 8 - before.length - after.length }, () => 0);
  return Buffer.from([...before, ...between, ...after].flatMap((group) => [group >> 8, group & 0xff]));
}

const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));
const ids = {
  commonName: '550403',
  subjectAltName: '551d11',
  keyUsage: '551d0f',
  extendedKeyUsage: '551d25',
  serverAuth: '2b06010505070301',
};

/**
 * PEM of a certificate for the names and addresses, valid for a year from `now` (ms), and of its key;
 * `expires` in ms.
 */
export function selfSignedCertificate(
  name: string,
  addresses: readonly string[],
  now: number,
): { cert: string; key: string; expires: number } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const subject = sequence(der(0x31, sequence(oid(ids.commonName), der(0x0c, Buffer.from(name)))));
  const alternatives = [
    der(0x82, Buffer.from(name)),
    ...addresses.map(addressBytes).flatMap((bytes) => (bytes.length === 0 ? [] : [der(0x87, bytes)])),
  ];
  const serial = createHash('sha256').update(randomBytes(32)).digest().subarray(0, 16);
  serial[0] = (serial[0] ?? 0) & 0x7f || 1;
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ecdsaWithSha256,
    subject,
    sequence(time(now - 60_000), time(now + YEAR_MS)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(
      0xa3,
      sequence(
        extension(ids.keyUsage, true, der(0x03, Buffer.from([7, 0x80]))),
        extension(ids.extendedKeyUsage, false, sequence(oid(ids.serverAuth))),
        extension(ids.subjectAltName, false, sequence(...alternatives)),
      ),
    ),
  );
  const signature = sign('sha256', body, privateKey);
  const certificate = sequence(body, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    expires: now + YEAR_MS,
  };
}
