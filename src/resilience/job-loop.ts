/** Owns the life of one supervised job: wait, run, abort, rest, stop; one run at a time. */
import { CrashLoop } from './crash-loop.js';
import type { Beat, Job, JobState, TriggerAnswer } from './job.js';
import { JobAborted } from './job-bounds.js';
import type { JobClock } from './job-clock.js';
import type { JobEvent, StuckCause } from './job-event.js';
import { type After, type Phase, type Run, stateOf } from './job-phase.js';
import { type Due, JobPlan } from './job-plan.js';
import { JobTeller, type Outcome } from './job-teller.js';
import { LONGEST_MS } from './policy-clock.js';
import { RunWatch } from './run-watch.js';

const DEFAULT_GRACE_MS = 2_000;
/** A wait for a moment of the wall clock looks again this often, because that clock may be set. */
const LOOK_AGAIN_MS = 60_000;

/** What a loop needs from outside. */
export interface LoopOptions {
  readonly clock: JobClock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Told every event; an exception it throws is dropped. */
  readonly on: (event: JobEvent) => unknown;
}

/** Runs one job from `start()` to `stop()`; a stopped loop is not started again. */
export class JobLoop {
  #phase: Phase = { kind: 'stopped', ended: true };
  #runs = 0;
  #consecutiveFailures = 0;
  /** A run was due or triggered while another went on, and follows it. */
  #isQueued = false;
  readonly #plan: JobPlan;
  readonly #crashes: CrashLoop;
  readonly #teller: JobTeller;

  constructor(
    private readonly job: Job,
    private readonly options: LoopOptions,
  ) {
    this.#plan = new JobPlan(job, options.clock, options.random);
    this.#crashes = new CrashLoop(job.crashLoop);
    this.#teller = new JobTeller(job.name, options.clock, options.on);
  }

  /** True before the first start and once the last run has ended or was left behind. */
  get isStopped(): boolean {
    return this.#phase.kind === 'stopped';
  }

  /** What the job is doing now. */
  get state(): JobState {
    return stateOf(this.#phase, this.job, this.options.clock.now());
  }

  /** Waits for the first run, which begins in the next turn of the event loop at the earliest. */
  start(): void {
    this.#wait(this.#plan.first());
  }

  /** Asks for a run now, as the overlap policy allows. */
  trigger(): TriggerAnswer {
    const phase = this.#phase;
    if (phase.kind === 'waiting') {
      phase.cancel();
      this.#wait(this.#plan.now());
      return 'started';
    }
    if (phase.kind !== 'running' && phase.kind !== 'ending') return 'skipped';
    if (phase.kind === 'ending' && (phase.after.kind === 'stop' || phase.after.kind === 'rest'))
      return 'skipped';
    return this.#overlap(phase);
  }

  /** Forgets all failures and begins anew at once, or when the run that goes on has ended or was left behind. */
  restart(): void {
    const phase = this.#phase;
    if (phase.kind === 'stopped' || (phase.kind === 'ending' && phase.after.kind === 'stop')) return;
    this.#consecutiveFailures = 0;
    this.#crashes.forgive();
    if (phase.kind === 'ending') phase.after = { kind: 'begin' };
    else if (phase.kind === 'running') {
      const reason = new JobAborted('JOB_RESTARTED', `job ${this.job.name} is being restarted`);
      this.#abort(phase, reason, { kind: 'begin' });
    } else {
      phase.cancel();
      this.#wait(this.#plan.now());
    }
    this.#teller.restarted();
  }

  /** Aborts the run that is going on, if any; true when it ended within the grace. */
  stop(): Promise<boolean> {
    const phase = this.#phase;
    if (phase.kind === 'stopped') return Promise.resolve(phase.ended);
    if (phase.kind === 'waiting' || phase.kind === 'resting') {
      phase.cancel();
      this.#phase = { kind: 'stopped', ended: true };
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      if (phase.kind === 'ending') {
        phase.after = { kind: 'stop' };
        phase.stopped.push(resolve);
        return;
      }
      const reason = new JobAborted('JOB_STOPPED', `job ${this.job.name} is being stopped`);
      this.#abort(phase, reason, { kind: 'stop' }, [resolve]);
    });
  }

  #wait(due: Due | undefined): void {
    if (due === undefined) {
      this.#phase = { kind: 'waiting', due, cancel: () => {} };
      return;
    }
    this.#phase = { kind: 'waiting', due, cancel: this.#at(due, () => this.#begin()) };
  }

  /** Calls when the run is due; of a slot on the wall clock it asks again and again when that is. */
  #at(due: Due, call: () => void): () => void {
    const { clock } = this.options;
    const isOnWall = due.kind === 'slot' && this.job.every?.from === 'wall';
    const delayMs = Math.max(0, due.startMs - clock.now());
    let cancel = clock.after(Math.min(delayMs, isOnWall ? LOOK_AGAIN_MS : LONGEST_MS), () => {
      const found = isOnWall ? (this.#plan.slot() ?? due) : due;
      // A timer may fire a fraction of a millisecond early: the slot would be served now and once more right after.
      if (found.startMs <= clock.now()) call();
      else cancel = this.#at(found, call);
    });
    return () => cancel();
  }

  #begin(): void {
    this.#runs += 1;
    this.#isQueued = false;
    const { clock } = this.options;
    const missed = this.#plan.begin();
    const controller = new AbortController();
    const current: Run = { number: this.#runs, startedMs: clock.now(), controller, isTold: false };
    const { deadlineMs, heartbeatMs: silenceMs } = this.job;
    const watch = new RunWatch(clock, { deadlineMs, silenceMs }, (cause) => this.#expire(cause));
    const next = this.#plan.slot();
    const phase: Phase = { kind: 'running', current, watch, next, cancelSlot: () => {} };
    if (next !== undefined && this.job.overlap === 'abort-previous')
      phase.cancelSlot = this.#at(next, () => this.#overlap(phase));
    this.#phase = phase;
    this.#teller.started(current);
    this.#teller.missed(missed);
    // A listener that stops the job while it hears of the start must not see the run begin all the same.
    if (controller.signal.aborted) {
      this.#settle(current, { error: controller.signal.reason });
      return;
    }
    const beat: Beat = (withinMs) => this.#beat(current, withinMs);
    void invoke(this.job, controller.signal, beat).then((outcome) => this.#settle(current, outcome));
  }

  #beat(current: Run, withinMs: number | undefined): void {
    const phase = this.#phase;
    if (phase.kind !== 'running' || phase.current !== current) return;
    const isSpan = withinMs !== undefined && withinMs >= 1 && withinMs <= LONGEST_MS;
    phase.watch.beat(isSpan ? withinMs : undefined);
    this.#teller.beat();
  }

  /** Another run is due or asked for while one goes on. */
  #overlap(phase: Phase & { kind: 'running' | 'ending' }): TriggerAnswer {
    const policy = this.job.overlap ?? 'skip';
    if (policy === 'skip') return 'skipped';
    if (phase.kind === 'ending') {
      if (phase.after.kind === 'begin') return 'skipped';
      phase.after = { kind: 'begin' };
      return 'queued';
    }
    if (policy === 'queue-one') {
      if (this.#isQueued) return 'skipped';
      this.#isQueued = true;
      return 'queued';
    }
    const reason = new JobAborted('JOB_REPLACED', `the next run of job ${this.job.name} takes its place`);
    this.#abort(phase, reason, { kind: 'begin' });
    return 'queued';
  }

  #expire(cause: StuckCause): void {
    const phase = this.#phase;
    if (phase.kind !== 'running') return;
    const { current } = phase;
    const { name, deadlineMs, heartbeatMs } = this.job;
    this.#consecutiveFailures += 1;
    current.isTold = true;
    const reason =
      cause === 'deadline'
        ? new JobAborted('JOB_DEADLINE', `job ${name} ran past its deadline of ${deadlineMs} ms`)
        : new JobAborted(
            'JOB_SILENT',
            `job ${name} gave no sign of life in time (heartbeatMs ${heartbeatMs})`,
          );
    const after = this.#afterCrash('stuck');
    this.#abort(phase, reason, after, []);
    this.#teller.stuck(current, cause, this.#consecutiveFailures);
  }

  /** Aborts the run and gives it its grace. `stopped` waits for its end. */
  #abort(
    phase: Phase & { kind: 'running' },
    reason: JobAborted,
    after: After,
    stopped: ((ended: boolean) => void)[] = [],
  ): void {
    phase.watch.cancel();
    phase.cancelSlot();
    const { current } = phase;
    const deadlineMs = this.job.graceMs ?? DEFAULT_GRACE_MS;
    const grace = new RunWatch(this.options.clock, { deadlineMs }, () => this.#leaveBehind(current));
    this.#phase = { kind: 'ending', current, grace, isStuck: current.isTold, after, stopped };
    current.controller.abort(reason);
  }

  #leaveBehind(current: Run): void {
    const phase = this.#phase;
    if (phase.kind !== 'ending' || phase.current !== current) return;
    this.#goOn(phase.after, 'left behind');
    this.#teller.abandoned(current);
    this.#teller.rests(phase.after);
    for (const resolve of phase.stopped) resolve(false);
  }

  #settle(current: Run, outcome: Outcome): void {
    const phase = this.#phase;
    // An abandoned run that ends after all must not disturb the run that took its place.
    if (phase.kind !== 'running' && phase.kind !== 'ending') return;
    if (phase.current !== current) return;
    if (phase.kind === 'ending') {
      phase.grace.cancel();
      this.#goOn(phase.after, 'ended');
      this.#teller.ended(current, outcome, 'cancelled', this.#consecutiveFailures);
      this.#teller.rests(phase.after);
      for (const resolve of phase.stopped) resolve(true);
      return;
    }
    phase.watch.cancel();
    phase.cancelSlot();
    if ('error' in outcome) {
      this.#consecutiveFailures += 1;
      const after = this.#afterCrash('failed');
      this.#goOn(after, 'ended');
      this.#teller.ended(current, outcome, 'failed', this.#consecutiveFailures);
      this.#teller.rests(after);
      return;
    }
    this.#consecutiveFailures = 0;
    this.#crashes.succeeded();
    const { due, missed } = this.#plan.afterSuccess();
    this.#wait(this.#isQueued ? this.#plan.now() : due);
    this.#teller.ended(current, outcome, 'failed', 0);
    this.#teller.missed(missed);
  }

  #afterCrash(crash: 'failed' | 'stuck'): After {
    const restMs = this.#crashes.crashed(crash, this.options.clock.now());
    return restMs === 0 ? { kind: 'retry' } : { kind: 'rest', restMs };
  }

  #goOn(after: After, how: 'ended' | 'left behind'): void {
    if (after.kind === 'stop') this.#phase = { kind: 'stopped', ended: how === 'ended' };
    else if (after.kind === 'begin') this.#wait(this.#plan.now());
    else if (after.kind === 'rest') {
      const cancel = this.options.clock.after(after.restMs, () => this.#begin());
      this.#phase = { kind: 'resting', cancel };
    } else this.#wait(this.#plan.afterFailure(this.#consecutiveFailures));
  }
}

async function invoke(job: Job, signal: AbortSignal, beat: Beat): Promise<Outcome> {
  try {
    return { value: await job.run(signal, beat) };
  } catch (error) {
    return { error };
  }
}
