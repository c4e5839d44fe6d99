import { FarletError } from '../../model/errors.ts';

/** A node, or one host of a pool. */
export interface Target {
  readonly node: string;
  readonly host: string | undefined;
}

/** @throws FarletError `invalid` for what is no NODE[/HOST] */
export function parseTarget(text: string): Target {
  const [node = '', host, ...more] = text.split('/');
  if (node === '' || host === '' || more.length > 0)
    throw new FarletError('invalid', `${text}: write NODE, or NODE/HOST for a host of a pool`);
  return { node, host };
}

export function targetText({ node, host }: Target): string {
  return host === undefined ? `node ${node}` : `host ${host} of node ${node}`;
}
