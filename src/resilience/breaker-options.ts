/** Owns the options of the circuit breaker: their meaning, defaults, bounds and refusal. */
import type { BreakerRules } from './breaker-state.js';
import { type CallWindow, CountWindow, TimeWindow } from './breaker-window.js';
import { judgeAnswer, judgeError, type Verdict } from './classify.js';
import { OptionReader } from './options.js';
import { LONGEST_MS, type PolicyClock } from './policy-clock.js';

/** Options of a circuit breaker. A wrong one throws PolicyOptionError at construction, an unknown one too. */
export interface BreakerOptions {
  /** Label value of its series: the dependency's name, 1 to 100 characters. */
  readonly name: string;
  /** Failures in a row that open the circuit. Default 5; 1 to 1,000,000. */
  readonly failureThreshold?: number | undefined;
  /** How long the circuit stays open before a trial, milliseconds. Default 60,000; 1 to 2,147,483,647. */
  readonly recoveryTimeoutMs?: number | undefined;
  /** Factor on the recovery time for each opening in a row without a closing between. Default 1 (no back-off); 1 to 10. */
  readonly recoveryFactor?: number | undefined;
  /** Longest recovery time under back-off, milliseconds; `recoveryTimeoutMs` to 2,147,483,647. Default ten times the former. */
  readonly maxRecoveryTimeoutMs?: number | undefined;
  /** Successful trials that close the circuit. Default 3; 1 to 1,000,000. */
  readonly successThreshold?: number | undefined;
  /** Trials at the same time; calls beyond are rejected at once, never parked. Default 1; 1 to 1,000. */
  readonly maxTrials?: number | undefined;
  /**
   * Every call's deadline in milliseconds, trials included: a hung trial would else keep the circuit half-open for ever.
   * Default 30,000; 1 to 2,147,483,647.
   */
  readonly callTimeoutMs?: number | undefined;
  /** Share of failures in the window that opens the circuit, above 0 to 1. Off by default. */
  readonly failureRateThreshold?: number | undefined;
  /** A call that took longer, in milliseconds, is slow (coarse: 10 ms). Off by default; 1 to `callTimeoutMs`. */
  readonly slowCallMs?: number | undefined;
  /** Share of slow calls in the window that opens the circuit, above 0 to 1. Default 0.5 with `slowCallMs`. */
  readonly slowRateThreshold?: number | undefined;
  /** Calls that the window must hold before a rate counts. Default 20; 1 to 1,000,000, at most `windowCalls`. */
  readonly minimumCalls?: number | undefined;
  /** Window of the last so many calls. Default 100; 1 to 1,000,000. Not together with `windowMs`. */
  readonly windowCalls?: number | undefined;
  /** Window of the last so many milliseconds, instead of a count; 100 to 86,400,000 (a day). Off by default. */
  readonly windowMs?: number | undefined;
  /** Does an error speak against the dependency? Default `judgeError`. If it throws itself: failure. */
  readonly judgeError?: ((error: unknown) => Verdict) | undefined;
  /** Does an answer speak against the dependency? Default `judgeAnswer` (fetch responses 408, 429, 5xx). If it throws: success. */
  readonly judgeAnswer?: ((value: unknown) => Verdict) | undefined;
  /** Time. Default the shared monotonic clock. */
  readonly clock?: PolicyClock | undefined;
}

/** Checked options of a circuit breaker. */
export interface BreakerSettings {
  readonly name: string;
  readonly rules: BreakerRules;
  readonly callTimeoutMs: number;
  /** Infinity when no call is slow. */
  readonly slowCallMs: number;
  readonly window: CallWindow | undefined;
  readonly judgeError: (error: unknown) => Verdict;
  readonly judgeAnswer: (value: unknown) => Verdict;
  readonly clock: PolicyClock;
}

const KNOWN = [
  'failureThreshold',
  'recoveryTimeoutMs',
  'recoveryFactor',
  'maxRecoveryTimeoutMs',
  'successThreshold',
  'maxTrials',
  'callTimeoutMs',
  'failureRateThreshold',
  'slowCallMs',
  'slowRateThreshold',
  'minimumCalls',
  'windowCalls',
  'windowMs',
  'judgeError',
  'judgeAnswer',
  'clock',
] as const satisfies readonly (keyof BreakerOptions)[];

/** A failure of yesterday says nothing about the dependency of now. */
const LONGEST_WINDOW_MS = 86_400_000;

/** Checks the options. Throws PolicyOptionError. */
export function breakerSettings(options: BreakerOptions): BreakerSettings {
  const read = new OptionReader('circuit breaker', options, KNOWN);
  const recoveryTimeoutMs = read.ms('recoveryTimeoutMs', 60_000);
  const callTimeoutMs = read.ms('callTimeoutMs', 30_000);
  const hasSlow = read.has('slowCallMs');
  if (read.has('slowRateThreshold') && !hasSlow) {
    throw read.refusal('slowRateThreshold', 'given together with slowCallMs');
  }
  const hasRate = read.has('failureRateThreshold');
  const rules: BreakerRules = {
    failureThreshold: read.whole('failureThreshold', 5, 1, 1_000_000),
    successThreshold: read.whole('successThreshold', 3, 1, 1_000_000),
    maxTrials: read.whole('maxTrials', 1, 1, 1_000),
    recoveryTimeoutMs,
    recoveryFactor: read.number('recoveryFactor', 1, 1, 10),
    maxRecoveryTimeoutMs: read.ms(
      'maxRecoveryTimeoutMs',
      Math.min(LONGEST_MS, recoveryTimeoutMs * 10),
      recoveryTimeoutMs,
    ),
    failureRateThreshold: hasRate ? read.share('failureRateThreshold', 1) : undefined,
    slowRateThreshold: hasSlow ? read.share('slowRateThreshold', 0.5) : undefined,
    minimumCalls: read.whole('minimumCalls', 20, 1, 1_000_000),
  };
  return {
    name: read.name,
    rules,
    callTimeoutMs,
    slowCallMs: hasSlow ? read.number('slowCallMs', 0, 1, callTimeoutMs) : Number.POSITIVE_INFINITY,
    window: readWindow(read, hasRate || hasSlow, rules.minimumCalls),
    judgeError: read.optionalFunction<(error: unknown) => Verdict>('judgeError') ?? judgeError,
    judgeAnswer: read.optionalFunction<(value: unknown) => Verdict>('judgeAnswer') ?? judgeAnswer,
    clock: read.clock(),
  };
}

function readWindow(read: OptionReader, isUsed: boolean, minimumCalls: number): CallWindow | undefined {
  if (read.has('windowMs') && read.has('windowCalls')) {
    throw read.refusal('windowMs', 'left out when windowCalls is given');
  }
  for (const option of ['windowMs', 'windowCalls', 'minimumCalls']) {
    if (read.has(option) && !isUsed) {
      throw read.refusal(option, 'left out without failureRateThreshold and slowCallMs, which alone use it');
    }
  }
  if (!isUsed) return undefined;
  if (read.has('windowMs')) return new TimeWindow(read.ms('windowMs', 60_000, 100, LONGEST_WINDOW_MS));
  const size = read.whole('windowCalls', 100, 1, 1_000_000);
  // A window that cannot hold the minimum would never open the circuit, and nobody would notice.
  if (minimumCalls > size) throw read.refusal('minimumCalls', `at most windowCalls (${size})`);
  return new CountWindow(size);
}
