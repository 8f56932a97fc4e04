/** Owns the hand-driven clock with which policies are tested without waiting. */
import type { PolicyClock, Timer } from './policy-clock.js';

/** A clock that stands still until `advance` is called. Deadlines fall at their exact moment, earliest first. */
export class ManualClock implements PolicyClock {
  #nowMs: number;
  #wallMs: number;
  readonly #armed = new Set<Timer>();

  constructor(startMs = 0, wallMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
    this.#wallMs = wallMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  aliveMs(): number {
    return this.#nowMs;
  }

  /** Timers armed now. */
  get size(): number {
    return this.#armed.size;
  }

  /** Milliseconds until the earliest timer; undefined when none is armed. */
  get nextMs(): number | undefined {
    const timer = this.#earliest();
    return timer === undefined ? undefined : Math.max(0, timer.dueMs - this.#nowMs);
  }

  arm(timer: Timer, delayMs: number): void {
    this.#armed.delete(timer);
    timer.dueMs = this.#nowMs + (Math.max(0, delayMs) || 0);
    timer.stage = 'armed';
    this.#armed.add(timer);
  }

  disarm(timer: Timer): void {
    this.#armed.delete(timer);
    timer.stage = 'idle';
  }

  /** Moves both clocks forward and lets the timers fall that come due on the way. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (
      let timer = this.#earliest();
      timer !== undefined && timer.dueMs <= endMs;
      timer = this.#earliest()
    ) {
      this.#step(Math.max(this.#nowMs, timer.dueMs));
      this.disarm(timer);
      timer.expire();
    }
    this.#step(endMs);
  }

  /** Sets the wall clock forwards or backwards, as an operator or NTP would; monotonic time does not move. */
  stepWall(ms: number): void {
    this.#wallMs += ms;
  }

  #step(toMs: number): void {
    this.#wallMs += toMs - this.#nowMs;
    this.#nowMs = toMs;
  }

  #earliest(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#armed) if (first === undefined || timer.dueMs < first.dueMs) first = timer;
    return first;
  }
}
