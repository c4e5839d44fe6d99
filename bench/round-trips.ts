/**
 * Counts sequential round trips over a link as Lamport's clocks would: what goes there is one later than all
 * that has come back, what comes back is as late as the latest that has arrived there. So requests that are
 * under way together are one round trip, however many they are and whatever chains they belong to, and one
 * that had to wait for an answer is one more.
 *
 * No chain of questions and answers is longer than the count. And the count can't grow faster than once in
 * the time that the link takes there and back: where that is longer than the far end works on anything,
 * hardly anything but such a chain makes it grow. Pure.
 */
export class RoundTrips {
  #near = 0;
  #far = 0;

  /** how many there have been */
  get count(): number {
    return this.#near;
  }

  /** Something leaves the near end; returns what is to be called when it arrives at the far one. */
  sendThere(): () => void {
    const at = this.#near + 1;
    return () => {
      this.#far = Math.max(this.#far, at);
    };
  }

  /** Something leaves the far end; returns what is to be called when it arrives at the near one. */
  sendBack(): () => void {
    const at = this.#far;
    return () => {
      this.#near = Math.max(this.#near, at);
    };
  }
}
