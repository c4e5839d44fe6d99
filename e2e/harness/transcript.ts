/** Sessions as documentation shows them: what is typed, and what comes. Pure. */

export interface Step {
  readonly command: string;
  /** lines; `…` stands for anything, in a line or for any number of them */
  readonly output: readonly string[];
}

interface Block {
  readonly language: string;
  readonly text: string;
}

/** The steps of all console blocks below a heading of a page. */
export function stepsBelow(page: string, heading: string): Step[] {
  return blocksBelow(page, heading)
    .filter(({ language }) => language === 'console')
    .flatMap(({ text }) => text.split(/^\$ /m).slice(1))
    .map((step) => {
      const [command = '', ...output] = step.trimEnd().split('\n');
      return { command, output };
    });
}

/** The blocks of a language below a heading, one after the other. */
export function textBelow(page: string, heading: string, language: string): string {
  return blocksBelow(page, heading)
    .filter((block) => block.language === language)
    .map(({ text }) => text)
    .join('');
}

function blocksBelow(page: string, heading: string): Block[] {
  const section = page.split(/^## /m).find((each) => each.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^( *)```(\w+)\n(.*?)^ *```$/gms)].map(
    ([, indent = '', language = '', text = '']) => ({
      language,
      text: text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    }),
  );
}

/** What said the same, on another day and another machine: numbers, times and columns differ. */
export function likeness(output: readonly string[]): RegExp {
  const lines = output.map((line) => (line.trim() === '…' ? '(?:.*\\n)*?' : `${ofLine(line)}\\n`));
  return new RegExp(`^${lines.join('')}\\n*$`);
}

function ofLine(line: string): string {
  const words = line.trim().split(/\s+/).map(ofWord);
  return words.join('\\s+');
}

function ofWord(word: string): string {
  if (/^(\d+[smhd]){1,2}$/.test(word)) return '(?:\\d+[smhd]){1,2}';
  return word
    .replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
    .replaceAll(/\d+/g, '\\d+')
    .replaceAll('…', '.*');
}
