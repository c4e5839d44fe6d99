/** The process's logger: JSON, or readable text on a terminal. Secrets are cut out by path. */
import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { Log } from '../model/log.ts';
import type { LogLevel } from '../model/log-level.ts';

const secrets = [
  'token',
  '*.token',
  'authorization',
  '*.authorization',
  'password',
  '*.password',
  'headers.authorization',
  '*.headers.authorization',
  'err.config',
  'err.request',
];

export function createLog(options: { format: 'json' | 'pretty'; level: LogLevel }): Log {
  const settings = {
    level: options.level,
    base: null,
    redact: { paths: secrets, censor: '[secret]' },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  if (options.format === 'json') return pino(settings, process.stderr);
  return pino(
    settings,
    pretty({ colorize: process.stderr.isTTY, destination: 2, translateTime: 'SYS:HH:MM:ss.l', sync: true }),
  );
}
