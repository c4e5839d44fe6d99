/** Lines of a container's log as the runtime writes them (cri-client/pkg/logs/logs.go). Pure. */
export interface LogOptions {
  readonly follow: boolean;
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
  /** ms since the epoch */
  readonly since: number | undefined;
  readonly timestamps: boolean;
}

export interface LogLine {
  readonly time: string;
  readonly text: string;
  /** the last piece of its line */
  readonly isFull: boolean;
}

/** `RFC3339Nano stream tag text`; undefined for what is no such line. */
export function parseLogLine(line: string): LogLine | undefined {
  const match = /^(\S+) (?:stdout|stderr) (\S+) (.*)$/s.exec(line);
  if (match === null) return undefined;
  const [, time = '', tag = '', text = ''] = match;
  return { time, text, isFull: tag.split(':')[0] !== 'P' };
}

/** Lines → what is sent: filtered by time, stamped at the start of each joined line, cut at the limit. */
export class LogWriter {
  readonly #options: LogOptions;
  #sent = 0;
  #continues = false;

  constructor(options: LogOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#options.limitBytes !== undefined && this.#sent >= this.#options.limitBytes;
  }

  write(line: string): Buffer {
    const parsed = parseLogLine(line);
    if (parsed === undefined || this.isFull) return Buffer.alloc(0);
    const { since, timestamps, limitBytes } = this.#options;
    if (since !== undefined && Date.parse(parsed.time) < since) return Buffer.alloc(0);
    const stamp = timestamps && !this.#continues ? `${fixedNanos(parsed.time)} ` : '';
    this.#continues = !parsed.isFull;
    const bytes = Buffer.from(`${stamp}${parsed.text}${parsed.isFull ? '\n' : ''}`);
    const allowed =
      limitBytes === undefined ? bytes : bytes.subarray(0, Math.max(0, limitBytes - this.#sent));
    this.#sent += allowed.length;
    return allowed;
  }
}

/** Nine digits always, as clients sort by them. */
function fixedNanos(time: string): string {
  return time.replace(
    /(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/,
    (_, digits: string | undefined, zone: string) => `.${(digits ?? '').padEnd(9, '0')}${zone}`,
  );
}
