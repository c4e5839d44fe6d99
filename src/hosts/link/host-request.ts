/**
 * What a request to a host's shell may cost: `quick` only looks; `brief` changes a few things, in a moment;
 * `slow` changes as much as there is, or takes its time; what `hangs` does so for as long as somebody else
 * likes; `risky` looks at what a pod or another machine may hold up, and is given up soon. `bulk` is quick
 * but brings so much that nothing quick should have to wait behind it.
 */
export type Pace = 'quick' | 'bulk' | 'brief' | 'slow' | 'hangs' | 'risky';

/** Told of each request that was sent, once it is over. */
export type RequestObserver = (request: {
  readonly pace: Pace;
  /** from when it was sent */
  readonly seconds: number;
  /** false: the shell ended before it had answered */
  readonly answered: boolean;
}) => void;
