/** What `farlet check` found, and how it is shown. Pure. */

export interface Row {
  readonly what: string;
  /** warn: works, but not as well as it could; only `fail` decides the exit code */
  readonly state: 'ok' | 'warn' | 'fail';
  readonly found: string;
  /** what to do about it */
  readonly advice?: string | undefined;
}

const marks = { ok: 'ok  ', warn: 'WARN', fail: 'FAIL' } as const;

/** A line for each row, in columns; advice stands below, in the column of what was found. */
export function table(rows: readonly Row[]): string {
  const width = Math.max(0, ...rows.map(({ what }) => what.length));
  const indent = ' '.repeat(marks.ok.length + 2 + width + 2);
  return rows
    .map(({ what, state, found, advice }) => {
      const line = `${marks[state]}  ${what.padEnd(width)}  ${oneLine(found)}\n`;
      return advice === undefined ? line : `${line}${indent}-> ${oneLine(advice)}\n`;
    })
    .join('');
}

/** `ok`: what the exit code says. */
export function rowsAsJson(rows: readonly Row[]): string {
  const ok = rows.every(({ state }) => state !== 'fail');
  return `${JSON.stringify({ ok, rows }, undefined, 2)}\n`;
}

/** Messages of programs may have several lines, which would look like rows. */
function oneLine(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('; ');
}
