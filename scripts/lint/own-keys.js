/**
 * Keys that come from others may be names that every JavaScript object has: `labels['constructor']` is a
 * function, and `record['__proto__'] = x` sets nothing. A record is looked up by own() (src/model/own.ts),
 * made by Object.fromEntries() or as a Map, and asked for a key by Object.hasOwn().
 */
import ts from 'typescript';

const isStringLike = (type) =>
  type.isUnion() ? type.types.some(isStringLike) : (type.flags & ts.TypeFlags.String) !== 0;

/** Typed as open to any string, and no list. */
function isRecord(checker, type) {
  if (type.isUnion()) return type.types.some((each) => isRecord(checker, each));
  return (
    checker.getIndexInfoOfType(type, ts.IndexKind.String) !== undefined &&
    !checker.isArrayType(type) &&
    !checker.isTupleType(type)
  );
}

export const ownKeys = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      lookup:
        'the key may be a name that every object has: use own() of model/own.ts, Object.fromEntries() or a Map',
      in: '`in` finds what every object has: use Object.hasOwn()',
      assign: 'Object.assign() sets keys, and __proto__ is not one of them: use spread',
    },
  },
  create(context) {
    const services = context.sourceCode.parserServices;
    const checker = services.program.getTypeChecker();
    return {
      MemberExpression(node) {
        if (!node.computed || node.property.type === 'Literal') return;
        if (!isStringLike(services.getTypeAtLocation(node.property))) return;
        if (isRecord(checker, checker.getNonNullableType(services.getTypeAtLocation(node.object))))
          context.report({ node, messageId: 'lookup' });
      },
      'BinaryExpression[operator="in"]'(node) {
        if (node.left.type !== 'Literal' && node.left.type !== 'PrivateIdentifier')
          context.report({ node, messageId: 'in' });
      },
      'CallExpression[callee.object.name="Object"][callee.property.name="assign"]'(node) {
        if (node.arguments[0]?.type !== 'ObjectExpression' || node.arguments.length > 1)
          context.report({ node, messageId: 'assign' });
      },
    };
  },
};
