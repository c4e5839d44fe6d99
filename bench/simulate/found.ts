/** What a simulation of one size found; seconds, unless the name says otherwise. */

/** Over a while in which nothing is asked of farlet. */
export interface Span {
  readonly seconds: number;
  /** of the event loop, from 0 to 1 */
  readonly utilization: number;
  readonly delayP99: number;
  /** longest time that the event loop was blocked */
  readonly blocked: number;
  /** longest pause of the garbage collector */
  readonly collected: number;
  /** seconds of CPU a second, of all the process's threads */
  readonly cpu: number;
  readonly rssMiB: number;
  /** of JavaScript's objects, and what they hold outside it */
  readonly heapMiB: number;
  readonly outsideMiB: number;
  /** that are open at the API server */
  readonly watches: number;
  readonly leaseGap: number;
  /** what the rest of the machine left, from 0 to 1 */
  readonly machineIdle: number;
}

/** One page of all metrics. */
export interface Scrape {
  /** CPU of the event loop's thread */
  readonly loop: number;
  readonly blocked: number;
  readonly bytes: number;
}

export interface Restart {
  /** until every worker had synced its pod once */
  readonly syncedAfter: number;
  readonly leaseGap: number;
  /** node with that gap */
  readonly leaseGapOf: string;
  readonly delayP99: number;
  readonly blocked: number;
  readonly cpuSeconds: number;
  readonly rssMiB: number;
  /** that were made although all pods ran */
  readonly containers: number;
  readonly machineIdle: number;
}

export interface Found {
  readonly hosts: number;
  /** on each */
  readonly pods: number;
  /** without a pod */
  readonly idle: Span;
  /** with all of them */
  readonly full: Span;
  readonly scrape: Scrape;
  /** medians of create → Ready, one pod at a time: where one host has its pods, and where all have */
  readonly start: { readonly amongFew: number; readonly amongAll: number };
  readonly restart: Restart;
}
