/** Owns the patience with a run: its deadline and its silence, counted only while the process was awake. */

import type { JobClock } from './job-clock.js';
import type { StuckCause } from './job-event.js';

/** A timer that comes this much too late says that the process was frozen or the machine asleep. */
const FROZEN_MS = 1_000;
/** Patience is counted in slices, so that a freeze cannot hide in a long one. */
const SLICE_MS = 5_000;
/** After a freeze a run gets at least this long: what it waits for may have arrived and not been read yet. */
const RECOVERY_MS = 1_000;

/** How long the patience lasts in milliseconds; at least one of the two is given. */
export interface Patience {
  readonly deadlineMs?: number | undefined;
  readonly silenceMs?: number | undefined;
}

/** Calls `expire` once when the patience is over, unless cancelled before. Holds one timer. */
export class RunWatch {
  #servedMs = 0;
  #sliceFromMs = 0;
  #sliceMs = 0;
  #silentUntilMs: number;
  #recovering = false;
  #cancel: () => void = () => {};

  constructor(
    private readonly clock: JobClock,
    private readonly patience: Patience,
    private readonly expire: (cause: StuckCause) => void,
  ) {
    this.#silentUntilMs = patience.silenceMs ?? Number.POSITIVE_INFINITY;
    this.#arm();
  }

  /** Milliseconds during which the process was awake; an underestimate by up to one slice per freeze. */
  get servedMs(): number {
    return this.#servedMs + Math.max(0, Math.min(this.clock.now() - this.#sliceFromMs, this.#sliceMs));
  }

  /** A sign of life; the next one is expected within `withinMs`. Without a limit on silence nothing happens. */
  beat(withinMs = this.patience.silenceMs): void {
    if (this.patience.silenceMs === undefined || withinMs === undefined) return;
    const servedMs = this.servedMs;
    this.#silentUntilMs = servedMs + withinMs;
    this.#recovering = false;
    if (this.#limitMs() >= this.#servedMs + this.#sliceMs) return;
    // A shorter patience than before: the timer that runs would come too late.
    this.#cancel();
    this.#servedMs = servedMs;
    this.#arm();
  }

  cancel(): void {
    this.#cancel();
  }

  #limitMs(): number {
    return Math.min(this.patience.deadlineMs ?? Number.POSITIVE_INFINITY, this.#silentUntilMs);
  }

  #arm(): void {
    this.#sliceFromMs = this.clock.now();
    this.#sliceMs = Math.max(0, Math.min(this.#limitMs() - this.#servedMs, SLICE_MS));
    this.#cancel = this.clock.after(this.#sliceMs, () => this.#wake());
  }

  #wake(): void {
    const elapsedMs = this.clock.now() - this.#sliceFromMs;
    const isFrozen = elapsedMs - this.#sliceMs > FROZEN_MS;
    this.#servedMs += isFrozen ? this.#sliceMs : Math.max(elapsedMs, this.#sliceMs);
    if (this.#servedMs < this.#limitMs()) {
      this.#recovering = false;
      this.#arm();
      return;
    }
    // Every run would be called stuck at once when the machine wakes up. Once only: a loop that is blocked again and
    // again must not keep a hung run alive for ever.
    if (isFrozen && !this.#recovering) {
      this.#recovering = true;
      this.#servedMs = this.#limitMs() - RECOVERY_MS;
      this.#arm();
      return;
    }
    const isDeadline = this.#servedMs >= (this.patience.deadlineMs ?? Number.POSITIVE_INFINITY);
    this.expire(isDeadline ? 'deadline' : 'heartbeat');
  }
}
