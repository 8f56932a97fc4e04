/** Owns how long the oldest entry of a queue has waited, where the entries do not say when they came. Pure. */

/** Looks that are remembered; past it they are kept further apart, and the answer gets coarser. */
const MOST_LOOKS = 2_048;

/** Remembers at each look how far the ids had come. Before the first look nothing is known to wait. */
export class WaitingSince {
  private apartMs = 0;
  private looks: { readonly newestId: bigint; readonly atMs: number }[] = [];

  /**
   * Seconds since the first look that already showed the oldest id, by the clock of the looks: never more than it has
   * waited, and less by at most the time between two looks.
   */
  ageSeconds(oldestId: bigint, newestId: bigint, atMs: number): number {
    this.looks = this.looks.filter((look) => look.newestId >= oldestId);
    const last = this.looks[this.looks.length - 1];
    if (last === undefined) this.apartMs = 0;
    if (last === undefined || (newestId > last.newestId && atMs - last.atMs >= this.apartMs)) {
      this.looks.push({ newestId, atMs });
    }
    if (this.looks.length > MOST_LOOKS) {
      this.looks = this.looks.filter((_, i) => i % 2 === 0);
      this.apartMs = (2 * (atMs - this.looks[0]!.atMs)) / MOST_LOOKS;
    }
    return Math.max(0, (atMs - this.looks[0]!.atMs) / 1000);
  }
}
