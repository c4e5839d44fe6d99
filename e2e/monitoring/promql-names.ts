/** The metrics that a PromQL expression asks for, with the labels that it selects them by. Pure. */

export interface Selector {
  readonly metric: string;
  readonly labels: readonly string[];
}

const words = new Set([
  ...['and', 'or', 'unless', 'by', 'without', 'on', 'ignoring', 'group_left', 'group_right', 'offset'],
  ...['bool', 'inf', 'nan'],
]);

/** As far as charts/farlet and the clients of these tests write it: no subqueries of names in braces only. */
export function selectorsOf(expression: string): Selector[] {
  const quiet = expression
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ');
  return [...quiet.matchAll(/(?<![\w:$.])([a-zA-Z_:][\w:]*)\s*(\(|\{([^}]*)\})?/g)].flatMap(
    ([, metric = '', bracket = '', matchers = '']) => {
      if (bracket === '(' || words.has(metric.toLowerCase()) || /^\d/.test(metric)) return [];
      const labels = [...matchers.matchAll(/([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)/g)].map(
        ([, label = '']) => label,
      );
      return [{ metric, labels }];
    },
  );
}
