/** What zod and the YAML parser find, in words for the author of the file. Pure. */
import type { z } from 'zod';

const kinds = new Map([
  ['string', 'a text'],
  ['number', 'a number'],
  ['int', 'a whole number'],
  ['boolean', 'true or false'],
  ['array', 'a list'],
  ['object', 'keys with values'],
  ['record', 'keys with values'],
]);

/** A sentence for one issue; `found` is what stands at its place, undefined where nothing does. */
export function wording(issue: z.core.$ZodIssue, found: unknown): string {
  if (issue.code !== 'invalid_type') return `${issue.message}${shown(found)}`;
  // a key's own words
  if (!issue.message.startsWith('Invalid input')) return issue.message;
  const wanted = kinds.get(issue.expected) ?? issue.expected;
  if (found === undefined || found === null) return `missing; it needs ${wanted}`;
  const quoted =
    issue.expected === 'number' && typeof found === 'string' && found.trim() !== '' && !isNaN(Number(found));
  return `needs ${wanted}${shown(found)}${quoted ? '; write it without quotes' : ''}`;
}

const MAX_SHOWN = 100;

function shown(found: unknown): string {
  if (found === undefined) return '';
  if (Array.isArray(found)) return ', found a list';
  if (typeof found === 'object') return found === null ? ', found nothing' : ', found keys with values';
  const text = JSON.stringify(found);
  return `, found ${text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text}`;
}

/** Why a text is no document, by the parser's code for it. */
export function yamlWording({ code, message }: { readonly code: string; readonly message: string }): string {
  if (code === 'MULTIPLE_DOCS') return 'has more than one document (---): farlet reads one only';
  return message;
}
