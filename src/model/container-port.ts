import { FarletError } from './errors.ts';
import { goQuote } from './go-quote.ts';
import type { Container } from './kube.ts';

/**
 * The port that a probe or hook names, by number or by the name of a container port; a name that no port has
 * may still be a number (pkg/probe/util.go ResolveContainerPort). Throws FarletError `invalid` in the
 * kubelet's words.
 */
export function resolvePort(port: number | string, container: Pick<Container, 'ports'>): number {
  const number = typeof port === 'number' ? port : namedPort(port, container);
  if (number > 0 && number < 65_536) return number;
  throw new FarletError('invalid', `invalid port number: ${String(number)}`);
}

function namedPort(name: string, { ports = [] }: Pick<Container, 'ports'>): number {
  const found = ports.find((port) => port.name === name)?.containerPort;
  if (found !== undefined) return found;
  const failed = (why: string): FarletError =>
    new FarletError('invalid', `strconv.Atoi: parsing ${goQuote(name)}: ${why}`);
  if (!/^[+-]?\d+$/.test(name)) throw failed('invalid syntax');
  const number = name.length > 32 ? 2n ** 64n : BigInt(name.replace('+', ''));
  if (BigInt.asIntN(64, number) !== number) throw failed('value out of range');
  return Number(number);
}
