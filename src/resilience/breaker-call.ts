/** Owns the calls through a circuit breaker: their deadline, and the judgement of how they ended. */
import type { BreakerSettings } from './breaker-options.js';
import type { Abandoned } from './breaker-state.js';
import type { Call, CallRules } from './call.js';
import { isTimeout, type Verdict } from './classify.js';
import { CallTimeoutError } from './errors.js';
import type { BreakerOutcome } from './events.js';
import type { Guarded } from './policy.js';

/** What a call needs of its breaker. */
export interface BreakerCore {
  readonly settings: BreakerSettings;
  /** The call begins; answers the generation that it belongs to. */
  begin(): number;
  /** The call has ended. */
  ended(generation: number, verdict: Verdict, slow: boolean, outcome: BreakerOutcome): void;
  /** The caller has given up. The place of a trial stays taken until its function ends, for `leftMs` at most. */
  gaveUp(generation: number, leftMs: number): Abandoned | undefined;
  /** The function of such a trial has ended after all. */
  left(place: Abandoned): void;
  /** Runs a judgement that the user gave; when it gives no verdict, the accident is counted and `fallback` holds. */
  judge(question: (subject: unknown) => Verdict, subject: unknown, fallback: Verdict): Verdict;
}

/** What a breaker does at the events of its calls. `mark` is the generation of the call, 0 until it has begun. */
export function breakerCallRules(core: BreakerCore): CallRules<undefined> {
  const { name, callTimeoutMs, slowCallMs, judgeAnswer, judgeError } = core.settings;
  /** Trials whose callers gave up, for the moment at which their functions end. */
  const places = new WeakMap<Call<undefined>, Abandoned>();

  function leave(call: Call<undefined>): void {
    const place = places.get(call);
    if (place !== undefined) core.left(place);
  }

  function tell(call: Call<undefined>, verdict: Verdict, failure: 'failure' | 'timeout'): void {
    const slow =
      slowCallMs !== Number.POSITIVE_INFINITY &&
      call.clock.aliveMs() - (call.dueMs - callTimeoutMs) > slowCallMs;
    core.ended(call.mark, verdict, slow, outcomeOf(verdict, slow, failure));
  }

  return {
    returned(call, value) {
      if (call.isSettled) return leave(call);
      call.succeed(value);
      tell(call, core.judge(judgeAnswer, value, 'success'), 'failure');
    },
    failed(call, error) {
      if (call.isSettled) return leave(call);
      call.reject(error);
      tell(call, core.judge(judgeError, error, 'failure'), isTimeout(error) ? 'timeout' : 'failure');
    },
    aborted(call, reason) {
      const leftMs = call.dueMs - call.clock.aliveMs();
      call.reject(reason);
      // An outer deadline that ran out says the same as our own: the dependency was too slow.
      if (isTimeout(reason) && call.mark > 0) {
        core.ended(call.mark, 'failure', false, 'timeout');
        return;
      }
      const place = core.gaveUp(call.mark, leftMs);
      if (place !== undefined) places.set(call, place);
    },
    expired(call) {
      const error = new CallTimeoutError(name, callTimeoutMs);
      call.reject(error);
      core.ended(call.mark, 'failure', false, 'timeout');
      call.abortInside(error);
    },
  };
}

/** Runs the function as a call of the breaker, unless the caller has given up already. */
export function startBreakerCall(call: Call<undefined>, core: BreakerCore, fn: Guarded<unknown>): void {
  if (!call.join()) return;
  call.mark = core.begin();
  call.clock.arm(call, core.settings.callTimeoutMs);
  call.invoke(fn);
}

function outcomeOf(verdict: Verdict, slow: boolean, failure: 'failure' | 'timeout'): BreakerOutcome {
  if (verdict === 'neutral') return 'ignored';
  if (verdict === 'failure') return failure;
  return slow ? 'slow' : 'success';
}
