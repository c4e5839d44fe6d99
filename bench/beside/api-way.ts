/**
 * A way to the API server for one agent alone: a port of its own, which the kernel redirects and counts. No
 * proxy stands between them, so that what is counted is not changed by it.
 */
import { freePorts } from '../../e2e/harness/free-ports.ts';
import { outcome, run } from '../../e2e/harness/processes.ts';

/** Bytes of IP packets, TLS and all headers included, acknowledgements too. */
export interface Traffic {
  /** to the API server */
  readonly sent: number;
  readonly received: number;
}

export interface ApiWay {
  readonly server: string;
  traffic(): Promise<Traffic>;
  stop(): Promise<void>;
}

/** To an API server on 127.0.0.1. */
export async function openApiWay(server: string): Promise<ApiWay> {
  const [port = 0] = await freePorts(1);
  const redirect = `-p tcp -d 127.0.0.1 --dport ${port} -j REDIRECT --to-ports ${new URL(server).port}`;
  const count = (direction: Direction): string =>
    `-p tcp -m conntrack --ctorigdstport ${port} --ctdir ${direction}`;
  const rules = [
    { table: 'nat', rule: redirect },
    // rules without a target: they count and do no more
    { table: 'mangle', rule: count('ORIGINAL') },
    { table: 'mangle', rule: count('REPLY') },
  ];
  const stop = async (): Promise<void> => {
    for (const { table, rule } of rules) await outcome(iptables(table, `-D OUTPUT ${rule}`));
  };
  try {
    for (const { table, rule } of rules) await run(iptables(table, `-A OUTPUT ${rule}`));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    server: `https://127.0.0.1:${port}`,
    traffic: async () => parseTraffic(await run(['iptables-save', '-c', '-t', 'mangle']), port),
    stop,
  };
}

type Direction = 'ORIGINAL' | 'REPLY';

function iptables(table: string, rule: string): string[] {
  return ['iptables', '-w', '10', '-t', table, ...rule.split(' ')];
}

/** Out of what `iptables-save -c` prints. Pure. */
export function parseTraffic(saved: string, port: number): Traffic {
  const bytes = (direction: Direction): number => {
    const rule = new RegExp(
      `^\\[\\d+:(\\d+)\\] -A OUTPUT .*--ctorigdstport ${port} --ctdir ${direction}$`,
      'm',
    );
    const found = rule.exec(saved)?.[1];
    if (found === undefined) throw new Error(`the rule that counts port ${port} (${direction}) is gone`);
    return Number(found);
  };
  return { sent: bytes('ORIGINAL'), received: bytes('REPLY') };
}
