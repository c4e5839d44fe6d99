/** What distance costs, as tables. Pure. */
import { roundTrips, type AtDelay, type LinkResults } from './measure-link.ts';
import { median, summary } from './stats.ts';
import { table } from './table.ts';

const MAX_ROUND_TRIPS = { start: 5, delete: 4 };
/** a burst at the most distant may take so much longer than near */
const MAX_BURST_RATIO = 1.3;
/** a log line or exec's output may take so many more than on a near link */
const MAX_STREAM_ROUND_TRIPS = 1;
const MAX_MESSAGES_PER_10_S = 1;

type Series = 'starts' | 'deletes' | 'logLines' | 'execLines' | 'execStarts';

const rows: readonly { readonly what: string; readonly of: Series; readonly atMost: number | undefined }[] = [
  { what: 'watch event → Ready', of: 'starts', atMost: MAX_ROUND_TRIPS.start },
  { what: 'delete → gone', of: 'deletes', atMost: MAX_ROUND_TRIPS.delete },
  { what: 'a log line, written → read', of: 'logLines', atMost: MAX_STREAM_ROUND_TRIPS },
  { what: 'exec output, written → read', of: 'execLines', atMost: MAX_STREAM_ROUND_TRIPS },
  { what: 'exec, called → first output', of: 'execStarts', atMost: undefined },
];

export function linkText({ delays, idle }: LinkResults): string {
  const [near, ...others] = delays;
  if (near === undefined) return '';
  const head = [
    'ms (round trips more)',
    'near',
    ...others.map(({ delayMs }) => `+${delayMs} ms each way`),
    'aim',
    '',
  ];
  const shown = (series: readonly number[]): string => summary(series).median.toFixed(0);
  const far = (at: AtDelay, of: Series): string =>
    `${shown(at[of])} (${roundTrips(near[of], at[of], at.delayMs).toFixed(1)})`;
  const most = others.at(-1);
  const main = table(
    head,
    rows.map(({ what, of, atMost }) => [
      what,
      shown(near[of]),
      ...others.map((at) => far(at, of)),
      atMost === undefined ? '' : `≤ ${atMost}`,
      atMost === undefined || most === undefined
        ? ''
        : verdict(roundTrips(near[of], most[of], most.delayMs), atMost),
    ]),
  );
  const messages = (idle.messages * 10) / idle.seconds;
  const quiet = table(
    ['idle, each 10 s', 'messages to the host', 'bytes both ways', 'aim', ''],
    [
      [
        `over ${idle.seconds} s`,
        messages.toFixed(1),
        ((idle.bytes * 10) / idle.seconds).toFixed(0),
        `≤ ${MAX_MESSAGES_PER_10_S} message`,
        verdict(messages, MAX_MESSAGES_PER_10_S),
      ],
    ],
  );
  const burst = (at: AtDelay): number => median(at.bursts) / median(near.bursts);
  const bursts = table(
    ['s (ratio to near)', 'near', ...others.map(({ delayMs }) => `+${delayMs} ms each way`), 'aim', ''],
    [
      [
        'burst of 40 → all Ready',
        (median(near.bursts) / 1000).toFixed(1),
        ...others.map((at) => `${(median(at.bursts) / 1000).toFixed(1)} (${burst(at).toFixed(2)})`),
        `≤ ${MAX_BURST_RATIO}`,
        most === undefined ? '' : verdict(burst(most), MAX_BURST_RATIO),
      ],
    ],
  );
  const rates = table(
    ['kubectl logs of 128 MiB', 'near', ...others.map(({ delayMs }) => `+${delayMs} ms each way`)],
    [['MB/s', ...delays.map(({ logRate }) => logRate.toFixed(0))]],
  );
  return `${main}\n\n${bursts}\n\n${rates}\n\n${quiet}`;
}

/** To one decimal, as it is shown. */
function verdict(value: number, atMost: number): string {
  return Number(value.toFixed(1)) <= atMost ? 'met' : 'NOT MET';
}
