/**
 * Which room of the house may import which. A room is a folder of src that holds files; an import is judged
 * by where it leads, however it is written. Outside libraries belong to rooms as well.
 */
import { dirname, relative, resolve, sep } from 'node:path';

/**
 * `src/hosts/ssh/known-hosts.ts` stands in `hosts/ssh`, `src/main.ts` in `main`; what a tool has generated,
 * in its parent.
 */
function roomOf(root, file) {
  const folder = relative(root, dirname(file)).split(sep).join('/');
  return folder === '' ? 'main' : folder.replace(/\/generated(\/.*)?$/, '');
}

const packageOf = (source) =>
  source
    .split('/')
    .slice(0, source.startsWith('@') ? 2 : 1)
    .join('/');

export const arrows = {
  meta: {
    type: 'problem',
    schema: [
      {
        type: 'object',
        properties: { root: { type: 'string' }, rooms: { type: 'object' }, libraries: { type: 'object' } },
        required: ['root', 'rooms', 'libraries'],
        additionalProperties: false,
      },
    ],
    messages: {
      unknown: 'src/{{room}} is no room of the house: see `rooms` in eslint.config.js',
      arrow: 'src/{{room}} may not import src/{{other}}: it may import {{allowed}}',
      library: 'only src/{{owners}} may import {{name}}',
    },
  },
  create(context) {
    const [{ root, rooms, libraries }] = context.options;
    const room = roomOf(root, context.filename);
    const check = (node) => {
      const source = node.source?.value;
      if (typeof source !== 'string') return;
      const isType = node.importKind === 'type' || node.exportKind === 'type';
      if (source.startsWith('.')) {
        const other = roomOf(root, resolve(dirname(context.filename), source));
        if (other !== room && !rooms[room]?.includes(other))
          context.report({
            node,
            messageId: 'arrow',
            data: { room, other, allowed: rooms[room]?.join(', ') || 'nothing' },
          });
        return;
      }
      const name = packageOf(source);
      const owners = libraries[name];
      // the types of API objects are everybody's by way of model
      if (owners === undefined || owners.includes(room) || (isType && room === 'model')) return;
      context.report({ node, messageId: 'library', data: { owners: owners.join(', src/'), name } });
    };
    return {
      Program(node) {
        if (!Object.hasOwn(rooms, room)) context.report({ node, messageId: 'unknown', data: { room } });
      },
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
    };
  },
};
