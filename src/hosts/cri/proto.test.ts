import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import protobuf from 'protobufjs';

const MODULE = 'k8s.io/cri-api@v0.36.3';

/** Everything of a .proto that is on the wire: messages, fields, enums, calls; comments and order aside. */
function wireContract(source: string): Map<string, string> {
  const { root } = protobuf.parse(source, { keepCase: true });
  const facts = new Map<string, string>();
  const visit = (namespace: protobuf.NamespaceBase): void => {
    for (const each of namespace.nestedArray) {
      if (each instanceof protobuf.Type) {
        facts.set(`message ${each.fullName}`, '');
        for (const field of each.fieldsArray) {
          const key = field instanceof protobuf.MapField ? `map<${field.keyType}> ` : '';
          const label = field.repeated ? 'repeated ' : '';
          facts.set(
            `field ${each.fullName}.${field.name}`,
            `${label}${key}${field.type} = ${field.id} ${field.partOf?.name ?? ''}`,
          );
        }
      } else if (each instanceof protobuf.Enum) {
        for (const [name, value] of Object.entries(each.values))
          facts.set(`enum ${each.fullName}.${name}`, String(value));
      } else if (each instanceof protobuf.Service) {
        for (const call of each.methodsArray) {
          const streams = `${call.requestStream === true ? 'stream ' : ''}→${call.responseStream === true ? ' stream' : ''}`;
          facts.set(
            `call ${each.fullName}.${call.name}`,
            `${call.requestType} ${streams} ${call.responseType}`,
          );
        }
      }
      if (each instanceof protobuf.Namespace) visit(each);
    }
  };
  visit(root);
  return facts;
}

describe('proto/cri.proto', () => {
  it(`is the wire contract of ${MODULE}, no more and no less`, () => {
    const { Dir } = JSON.parse(
      execFileSync('go', ['mod', 'download', '-json', MODULE], { cwd: '/', encoding: 'utf8' }),
    ) as { Dir: string };
    const published = wireContract(readFileSync(`${Dir}/pkg/apis/runtime/v1/api.proto`, 'utf8'));
    const ours = wireContract(readFileSync(new URL('../../../proto/cri.proto', import.meta.url), 'utf8'));
    assert.ok(published.size > 700, `only ${published.size} facts were read`);
    assert.deepEqual(ours, published);
  });
});
