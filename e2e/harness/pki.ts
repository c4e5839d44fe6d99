/** Certificates for a control plane of its own, made with the openssl command. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { run } from './processes.ts';

export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export class Authority {
  readonly folder: string;
  readonly #name: string;

  private constructor(folder: string, name: string) {
    this.folder = folder;
    this.#name = name;
  }

  get cert(): string {
    return `${this.folder}/${this.#name}.crt`;
  }

  /** One that was made before. */
  static at(folder: string, name: string): Authority {
    return new Authority(folder, name);
  }

  static async create(folder: string, name: string): Promise<Authority> {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const authority = new Authority(folder, name);
    await run([
      'openssl',
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '3650',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${folder}/${name}.key`,
      '-out',
      authority.cert,
    ]);
    return authority;
  }

  async issue(
    name: string,
    subject: {
      cn: string;
      o?: string;
      sans?: readonly string[];
      usage: 'clientAuth' | 'serverAuth';
      /** below 0: it has expired; default: ten years */
      days?: number;
    },
  ): Promise<KeyPair> {
    const base = `${this.folder}/${name}`;
    const extensions = [
      `extendedKeyUsage=${subject.usage}`,
      'keyUsage=digitalSignature',
      ...(subject.sans === undefined ? [] : [`subjectAltName=${subject.sans.join(',')}`]),
    ];
    writeFileSync(`${base}.ext`, `${extensions.join('\n')}\n`);
    const dn = `${subject.o === undefined ? '' : `/O=${subject.o}`}/CN=${subject.cn}`;
    await run([
      'openssl',
      'req',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-subj',
      dn,
      '-keyout',
      `${base}.key`,
      '-out',
      `${base}.csr`,
    ]);
    await run([
      'openssl',
      'x509',
      '-req',
      '-days',
      String(subject.days ?? 3650),
      '-in',
      `${base}.csr`,
      '-CA',
      this.cert,
      '-CAkey',
      `${this.folder}/${this.#name}.key`,
      // a serial file would be written by all who are issued at once
      '-set_serial',
      `0x${randomBytes(16).toString('hex')}`,
      '-extfile',
      `${base}.ext`,
      '-out',
      `${base}.crt`,
    ]);
    return { cert: `${base}.crt`, key: `${base}.key` };
  }
}
