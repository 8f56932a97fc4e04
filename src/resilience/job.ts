/** Owns what a supervised job is: its options, and what it can be found doing. */

/**
 * A sign of life from inside a run. `withinMs`: the next one may take this long instead of the job's `heartbeatMs`, from
 * 1 to 2,147,483,647; for a step that is silent by nature, such as one long statement. Costs next to nothing, never
 * throws, and is ignored once the run has ended or was aborted.
 */
export type Beat = (withinMs?: number) => void;

/** Runs at a fixed rate: however long a run takes, the next ones are due when they would have been. */
export interface FixedRate {
  /** From one due moment to the next, milliseconds; 1 to 2,147,483,647. */
  readonly periodMs: number;
  /**
   * What the due moments are counted from. `start` (default): the start of the job. `wall`: whole periods since
   * 1970-01-01T00:00Z, so 86,400,000 ms with an offset of 10,800,000 ms is 03:00 UTC each day; needs a clock with `wallMs`.
   */
  readonly from?: 'start' | 'wall';
  /** Moves all due moments, and so also the first run, later; milliseconds. Default 0; 0 to 2,147,483,647. */
  readonly offsetMs?: number;
}

/**
 * What happens when a run is due, or triggered, while one is going on. `skip`: nothing. `queue-one`: one run follows as
 * soon as this one ends. `abort-previous`: this one is aborted, and the new one begins once it has ended.
 */
export const overlapPolicies = ['skip', 'queue-one', 'abort-previous'] as const;
/** What happens when a run is due, or triggered, while one is going on. */
export type OverlapPolicy = (typeof overlapPolicies)[number];

/** When a job that fails again and again is left to rest. After the rest one run decides: well, or another rest. */
export interface CrashLoopCap {
  /** So many within `withinMs` begin the rest; 1 to 1,000. */
  readonly after: number;
  /** Span in which they are counted, whatever went well between them; milliseconds, 1 to 2,147,483,647. */
  readonly withinMs: number;
  /** Rest before the job tries again by itself; milliseconds, 1 to 2,147,483,647. */
  readonly restMs: number;
  /** `failures` (default): runs that failed or were stuck. `restarts`: only runs that were stuck. */
  readonly counts?: 'failures' | 'restarts';
}

/**
 * A repeating piece of work, with `intervalMs` or `every`; with neither, it runs only when triggered. All spans are
 * milliseconds from 0 to 2,147,483,647 (24.8 days, the reach of a timer).
 */
export interface Job {
  /** Unique among the running jobs; lower-case words joined by `_`, because it becomes a label value. */
  readonly name: string;
  /**
   * Pause between the end of a good run and the next start, milliseconds, 0 to 2,147,483,647; a function is asked after
   * every good run. None by default.
   */
  readonly intervalMs?: number | (() => number);
  /** A fixed rate instead of a pause. None by default. */
  readonly every?: FixedRate;
  /**
   * A run that takes longer, in milliseconds, is stuck: it is aborted through its signal; 1 to 2,147,483,647. None by
   * default, but needed unless there is a heartbeat.
   */
  readonly deadlineMs?: number;
  /**
   * A run that gives no sign of life for longer, in milliseconds, is stuck, whatever is left of its deadline; 1 to
   * 2,147,483,647. Default: none.
   */
  readonly heartbeatMs?: number;
  /**
   * How far behind its plan a job may be, in milliseconds, before it is `late`: a run that is due and has not begun, or
   * that goes on for longer than this. Default half of the deadline; without one half of the period; without either it is
   * never late. 0 to 2,147,483,647.
   */
  readonly toleranceMs?: number;
  /** Default `skip`. */
  readonly overlap?: OverlapPolicy;
  /** Share, 0 to 1: a pause is randomly shortened or lengthened by it, a run at a fixed rate delayed. Default 0. */
  readonly jitter?: number;
  /**
   * Pause after failures: doubles from `firstMs` to `maxMs`, of which up to half is taken off at random. Default 250 to
   * 5,000; milliseconds, 1 to 2,147,483,647.
   */
  readonly backoff?: { readonly firstMs: number; readonly maxMs: number };
  /** Default: none, it goes on trying. */
  readonly crashLoop?: CrashLoopCap;
  /**
   * How long an aborted run may go on before it is left behind, milliseconds. Default 2,000; 0 to 2,147,483,647. A run
   * left behind makes room for the next one, so it must not hold what the next one needs.
   */
  readonly graceMs?: number;
  /** One run. It must end soon after the signal aborts; whatever it throws is reported, never passed on. */
  run(signal: AbortSignal, beat: Beat): Promise<unknown>;
}

/**
 * What a job is doing. `late`: it is behind its plan by more than its tolerance; `stuck`: a run was aborted because it
 * took too long or gave no sign of life, and still goes on; `crash_looping`: it rests, because it failed too often.
 */
export const jobStates = ['idle', 'running', 'late', 'stuck', 'crash_looping', 'stopped'] as const;
/** What a job is doing. */
export type JobState = (typeof jobStates)[number];

/** What became of a trigger: a run begins at once, begins when the present one has ended, or none begins. */
export type TriggerAnswer = 'started' | 'queued' | 'skipped';
