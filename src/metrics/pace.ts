/** Owns the rhythm of long work on the main thread: a slice of time, then everybody else's turn. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Longest stretch of work between two turns of the event loop, in milliseconds. */
const SLICE_MS = 2;

/** One per piece of work. */
export class Pace {
  private sliceEndMs = performance.now() + SLICE_MS;

  /** True when the slice is used up; then await `rest`. */
  get due(): boolean {
    return performance.now() >= this.sliceEndMs;
  }

  /** Lets the event loop turn once. */
  async rest(): Promise<void> {
    await nextTurn();
    this.sliceEndMs = performance.now() + SLICE_MS;
  }
}
