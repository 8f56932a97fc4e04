/** Owns the shared coarse timer wheel: one unref'd interval for the deadlines of every call of every policy. */
import { LONGEST_MS, type PolicyClock, type Timer } from './policy-clock.js';

const SLOTS = 512;
/** A tick later than this many tick lengths means that the host blocked its loop. */
const LATE_TICKS = 4;
/** A turn of the loop longer than this is a block, never the dependency's slowness. */
const LONGEST_TURN_MS = 250;
/** What a block counts: little, but not nothing, so that even a host that only blocks reaches its deadlines. */
const BLOCK_COUNTS_MS = 50;

/**
 * A hashed timer wheel. Arming and disarming cost a few nanoseconds, where a native timer costs hundreds.
 * A deadline is never early on a loop whose ticks are on time, and late by at most three ticks plus the loop's own delay.
 * A block of the loop is hardly charged; a loop that is busy on every turn (of up to 250 ms) is charged in full.
 * The interval starts with the first timer, stops by itself at the first tick that finds none, and never keeps the
 * process alive unless a timer asks for it.
 */
export class TimerWheel implements PolicyClock {
  readonly #tickMs: number;
  /** By slot the timers in it, without gaps: with a linked list each arming would write to twice as many old objects. */
  readonly #slots: Timer[][] = Array.from({ length: SLOTS }, () => []);
  /** Whole, because V8 stores a whole number in an object for free and boxes a fraction. */
  #aliveMs = 0;
  #fractionMs = 0;
  #swept = 0;
  #size = 0;
  #holding = 0;
  #lastTickMs = 0;
  #lastStrideMs = 0;
  #interval: ReturnType<typeof setInterval> | undefined;
  #sweepQueued = false;
  #failedExpiries = 0;

  /** `tickMs`: length of a tick in milliseconds, 1 to 1000, default 10. */
  constructor(tickMs = 10) {
    if (!(tickMs >= 1 && tickMs <= 1000))
      throw new RangeError(`tickMs must be from 1 to 1000; got ${tickMs}`);
    this.#tickMs = tickMs;
  }

  /** Timers armed now. */
  get size(): number {
    return this.#size;
  }

  /** True while the interval exists. */
  get running(): boolean {
    return this.#interval !== undefined;
  }

  /** Timers that threw as they fell; each was one call's accident and cost no other timer. */
  get failedExpiries(): number {
    return this.#failedExpiries;
  }

  nowMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return performance.timeOrigin + performance.now();
  }

  aliveMs(): number {
    return this.#aliveMs;
  }

  arm(timer: Timer, delayMs: number): void {
    if (timer.stage !== 'idle') this.disarm(timer);
    timer.dueMs = this.#aliveMs + Math.ceil(delayMs);
    // Two ticks of margin: `aliveMs` is up to one tick old, and the next tick may count up to two.
    timer.place = Math.floor(timer.dueMs / this.#tickMs) + 3;
    const slot = this.#slots[timer.place % SLOTS] ?? this.#slotOfStrange(timer, delayMs);
    timer.seat = slot.length;
    slot.push(timer);
    timer.stage = 'armed';
    this.#size++;
    if (timer.keeps === 'hold') this.#hold(1);
    if (this.#interval === undefined) this.#start();
  }

  disarm(timer: Timer): void {
    if (timer.stage === 'armed') this.#unlink(timer);
    timer.stage = 'idle';
  }

  /** A delay that leads to no slot: the call that waits for it would hang for ever, or end the process. */
  #slotOfStrange(timer: Timer, delayMs: number): Timer[] {
    timer.dueMs = this.#aliveMs + (delayMs > 0 ? LONGEST_MS : 0);
    timer.place = Math.floor(timer.dueMs / this.#tickMs) + 3;
    return this.#slots[timer.place % SLOTS]!;
  }

  #unlink(timer: Timer): void {
    const slot = this.#slots[timer.place % SLOTS]!;
    const last = slot.pop()!;
    if (last !== timer) {
      slot[timer.seat] = last;
      last.seat = timer.seat;
    }
    this.#size--;
    if (timer.keeps === 'hold') this.#hold(-1);
  }

  #hold(change: 1 | -1): void {
    this.#holding += change;
    if (this.#holding === 0) this.#interval?.unref();
    if (this.#holding === 1 && change === 1) this.#interval?.ref();
  }

  #start(): void {
    this.#lastTickMs = performance.now();
    this.#lastStrideMs = this.#tickMs;
    const interval = setInterval(() => this.#tick(), this.#tickMs);
    if (this.#holding === 0) interval.unref();
    this.#interval = interval;
  }

  #tick(): void {
    if (this.#size === 0) {
      clearInterval(this.#interval);
      this.#interval = undefined;
      return;
    }
    const nowMs = performance.now();
    const strideMs = nowMs - this.#lastTickMs;
    // One late tick after a timely one is a block of the host's own and is not charged to the calls in flight.
    this.#count(countedMs(strideMs, this.#lastStrideMs, this.#tickMs));
    this.#lastTickMs = nowMs;
    this.#lastStrideMs = strideMs;
    if (strideMs < LATE_TICKS * this.#tickMs) {
      if (!this.#sweepQueued) this.#sweep();
      return;
    }
    if (this.#sweepQueued) return;
    // After a block the answers already lie in the sockets: let the loop read them before any deadline falls.
    this.#sweepQueued = true;
    setImmediate(() => {
      this.#sweepQueued = false;
      this.#sweep();
    });
  }

  #count(ms: number): void {
    const sumMs = ms + this.#fractionMs;
    const wholeMs = Math.floor(sumMs);
    this.#aliveMs += wholeMs;
    this.#fractionMs = sumMs - wholeMs;
  }

  #sweep(): void {
    const target = Math.floor(this.#aliveMs / this.#tickMs);
    const first = Math.max(this.#swept + 1, target - SLOTS + 1);
    const due: Timer[] = [];
    for (let tick = first; tick <= target; tick++) {
      const slot = this.#slots[tick % SLOTS]!;
      for (const timer of slot.filter(({ place }) => place <= target)) {
        this.#unlink(timer);
        timer.stage = 'due';
        due.push(timer);
      }
    }
    due.sort((one, other) => one.dueMs - other.dueMs);
    this.#swept = Math.max(this.#swept, target);
    for (const timer of due) {
      // An earlier expiry of this sweep may have ended this call too.
      if (timer.stage !== 'due') continue;
      timer.stage = 'idle';
      try {
        timer.expire();
      } catch {
        // Thrown on, it would end the process and lose every other timer of this sweep.
        this.#failedExpiries++;
      }
    }
  }
}

/** Milliseconds that one tick adds to the served time. Pure; see the class for the rule. */
export function countedMs(strideMs: number, previousStrideMs: number, tickMs: number): number {
  if (strideMs > LONGEST_TURN_MS) return Math.max(2 * tickMs, BLOCK_COUNTS_MS);
  return Math.max(0, Math.min(strideMs, Math.max(2 * tickMs, previousStrideMs)));
}

/** The clock that every policy uses unless it is given another. */
export const policyClock: TimerWheel = new TimerWheel();
