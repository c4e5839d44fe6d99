/**
 * The value of a variable in a file of `NAME='value'` lines, undefined where it is not or is empty: quotes
 * are a must, values may span lines, # begins a comment (pkg/kubelet/util/env, KEP-3721). Throws FarletError
 * `invalid` for the first line before it that is wrong. Pure.
 */
import { FarletError } from '../../model/errors.ts';

export function parseEnvFile(text: string, key: string): string | undefined {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
  for (let at = 0; at < lines.length; at += 1) {
    const line = (lines[at] ?? '').replace(/^[ \t]+/, '');
    if (line === '' || line.startsWith('#')) continue;
    const { name, rest } = assignment(line, at + 1);
    // NAME= 'value' is an empty NAME in a shell, and so it is here
    if (/^[ \t]/.test(rest)) {
      if (name === key) return undefined;
      continue;
    }
    const { value, last } = quoted(lines, rest, at);
    if (name === key) return value === '' ? undefined : value;
    at = last;
  }
  return undefined;
}

function assignment(line: string, number: number): { name: string; rest: string } {
  const equals = line.indexOf('=');
  if (equals === -1) throw wrong(number, "missing '='");
  const name = line.slice(0, equals);
  if (/^[ \t]*$/.test(name)) throw wrong(number, 'empty variable name');
  if (/[ \t]$/.test(name)) throw wrong(number, "whitespace before '=' is not allowed");
  return { name, rest: line.slice(equals + 1) };
}

function quoted(lines: readonly string[], first: string, from: number): { value: string; last: number } {
  if (!first.startsWith("'")) throw wrong(from + 1, 'value must be enclosed in single quotes');
  let value = '';
  let rest = first.slice(1);
  for (let at = from; ;) {
    const end = rest.indexOf("'");
    if (end !== -1) {
      if (!/^[ \t]*(#|$)/.test(rest.slice(end + 1)))
        throw wrong(at + 1, 'unexpected content after closing quote');
      return { value: value + rest.slice(0, end), last: at };
    }
    value += `${rest}\n`;
    at += 1;
    const next = lines[at];
    if (next === undefined)
      throw new FarletError(
        'invalid',
        `invalid environment variable format starting at line ${from + 1}: unclosed single quote`,
      );
    rest = next;
  }
}

function wrong(line: number, why: string): FarletError {
  return new FarletError('invalid', `invalid environment variable format at line ${line}: ${why}`);
}
