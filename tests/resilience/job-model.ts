/** Owns the model of a supervised job: the same promises in one flat record, on a clock that is a number. */
import type { Job, JobState, TriggerAnswer } from '../../src/resilience/job.js';

/** The options that the model knows. Chance is 0, so a back-off is always whole. */
export interface ModelJob extends Omit<Job, 'run' | 'intervalMs' | 'every' | 'jitter'> {
  readonly plan: { readonly kind: 'interval' | 'every'; readonly ms: number } | { readonly kind: 'none' };
  readonly graceMs: number;
  readonly backoff: { readonly firstMs: number; readonly maxMs: number };
  /** Whether a run ends when it is aborted. */
  readonly onAbort: 'ends' | 'ignores it';
}

const NEVER = Number.POSITIVE_INFINITY;

/** What a job must be doing, and what must have been told of it. */
export class JobModel {
  readonly told: string[] = [];
  nowMs = 0;
  runs = 0;
  mode: 'idle' | 'run' | 'end' | 'rest' | 'stop' = 'idle';
  private at = { start: NEVER, deadline: NEVER, silent: NEVER, slot: NEVER, grace: NEVER, rest: NEVER };
  private after: 'begin' | 'retry' | 'rest' | 'stop' = 'retry';
  private isStuck = false;
  private isQueued = false;
  private beganMs = 0;
  private nextSlot = 0;
  private failures = 0;
  private crashesMs: number[] = [];
  private isOnTrial = false;
  private beatToldMs = -NEVER;

  constructor(readonly job: ModelJob) {
    if (job.plan.kind !== 'none') this.at.start = 0;
  }

  get state(): JobState {
    const { plan, deadlineMs } = this.job;
    const slack = (deadlineMs ?? (plan.kind === 'every' ? plan.ms : NEVER)) / 2;
    const isBehind = this.nowMs - this.nextSlotMs > slack;
    if (this.mode === 'stop') return 'stopped';
    if (this.mode === 'rest') return 'crash_looping';
    if (this.mode === 'end' && this.isStuck) return 'stuck';
    if (this.mode === 'idle') return isBehind ? 'late' : 'idle';
    return this.nowMs - this.beganMs > slack || (this.mode === 'run' && isBehind) ? 'late' : 'running';
  }

  /** Timers that must be armed. */
  get timers(): number {
    if (this.mode === 'run') return this.at.slot < NEVER ? 2 : 1;
    return Object.values(this.at).some((ms) => ms < NEVER) ? 1 : 0;
  }

  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const dueMs = Math.min(...Object.values(this.at));
      if (dueMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs);
      if (dueMs === this.at.start || dueMs === this.at.rest) this.begin();
      else if (dueMs === this.at.deadline || dueMs === this.at.silent) this.stuck();
      else if (dueMs === this.at.slot) this.abort('begin');
      else this.leave();
    }
    this.nowMs = endMs;
  }

  beat(): void {
    if (this.mode !== 'run') return;
    if (this.job.heartbeatMs !== undefined) this.at.silent = this.nowMs + this.job.heartbeatMs;
    if (this.nowMs - this.beatToldMs < 1_000) return;
    this.beatToldMs = this.nowMs;
    this.tell('beat');
  }

  /** The present run ends by itself. */
  finish(how: 'good' | 'bad'): void {
    if (this.mode === 'end') this.ended(how);
    if (this.mode !== 'run') return;
    this.clear();
    if (how === 'bad') {
      this.failures += 1;
      const after = this.judge();
      this.go(after);
      this.tell('failed');
      if (after === 'rest') this.tell('crashLooping');
      return;
    }
    this.failures = 0;
    this.isOnTrial = false;
    const { plan, overlap = 'skip' } = this.job;
    const passed = Math.max(0, this.slotNow - this.nextSlot + 1);
    if (plan.kind === 'every' && overlap === 'skip') this.nextSlot += passed;
    this.mode = 'idle';
    if (this.isQueued) this.at.start = this.nowMs;
    else if (plan.kind === 'interval') this.at.start = this.nowMs + plan.ms;
    else this.at.start = Math.max(this.nowMs, this.nextSlotMs);
    this.tell('succeeded');
    if (plan.kind === 'every' && overlap === 'skip' && passed > 0) this.tell(`missed ${passed}`);
  }

  trigger(): TriggerAnswer {
    const { overlap = 'skip' } = this.job;
    if (this.mode === 'idle') {
      this.at.start = this.nowMs;
      return 'started';
    }
    if (this.mode === 'stop' || this.mode === 'rest' || overlap === 'skip') return 'skipped';
    if (this.mode === 'end') {
      if (this.after !== 'retry') return 'skipped';
      this.after = 'begin';
      return 'queued';
    }
    if (overlap === 'queue-one' && this.isQueued) return 'skipped';
    if (overlap === 'queue-one') this.isQueued = true;
    else this.abort('begin');
    return 'queued';
  }

  restart(): void {
    if (this.mode === 'stop' || (this.mode === 'end' && this.after === 'stop')) return;
    this.failures = 0;
    this.isOnTrial = false;
    this.crashesMs = [];
    this.tell('restarted');
    if (this.mode === 'end') this.after = 'begin';
    else if (this.mode === 'run') this.abort('begin');
    else this.go('begin');
  }

  stop(): void {
    if (this.mode === 'end') this.after = 'stop';
    else if (this.mode === 'run') this.abort('stop');
    else this.go('stop');
  }

  private get slotNow(): number {
    return this.job.plan.kind === 'every' ? Math.floor(this.nowMs / this.job.plan.ms) : -1;
  }

  private get nextSlotMs(): number {
    return this.job.plan.kind === 'every' ? this.nextSlot * this.job.plan.ms : NEVER;
  }

  private begin(): void {
    this.clear();
    this.mode = 'run';
    this.runs += 1;
    this.isQueued = false;
    this.isStuck = false;
    this.beganMs = this.nowMs;
    const due = Math.max(0, this.slotNow - this.nextSlot + 1);
    this.nextSlot += due;
    const { deadlineMs = NEVER, heartbeatMs = NEVER, overlap } = this.job;
    this.at.deadline = this.nowMs + deadlineMs;
    this.at.silent = this.nowMs + heartbeatMs;
    if (overlap === 'abort-previous') this.at.slot = this.nextSlotMs;
    this.tell('started');
    if (due > 1) this.tell(`missed ${due - 1}`);
  }

  private stuck(): void {
    this.failures += 1;
    this.isStuck = true;
    const cause = this.nowMs >= this.at.deadline ? 'deadline' : 'heartbeat';
    const after = this.judge();
    this.tell(`timedOut ${cause}`);
    this.abort(after);
  }

  private abort(after: JobModel['after']): void {
    this.clear();
    this.mode = 'end';
    this.after = after;
    this.at.grace = this.nowMs + this.job.graceMs;
    if (this.job.onAbort === 'ends') this.ended('bad');
  }

  private ended(how: 'good' | 'bad'): void {
    const { after } = this;
    this.go(after);
    if (!this.isStuck) this.tell(how === 'good' ? 'succeeded' : 'cancelled');
    if (after === 'rest') this.tell('crashLooping');
  }

  private leave(): void {
    const { after } = this;
    this.go(after);
    this.tell('abandoned');
    if (after === 'rest') this.tell('crashLooping');
  }

  private go(after: JobModel['after']): void {
    this.clear();
    this.mode = after === 'stop' ? 'stop' : after === 'rest' ? 'rest' : 'idle';
    if (after === 'begin') this.at.start = this.nowMs;
    if (after === 'rest') this.at.rest = this.nowMs + this.job.crashLoop!.restMs;
    const { firstMs, maxMs } = this.job.backoff;
    if (after === 'retry') this.at.start = this.nowMs + Math.min(maxMs, firstMs * 2 ** (this.failures - 1));
  }

  private judge(): 'retry' | 'rest' {
    const { crashLoop } = this.job;
    if (crashLoop === undefined || (crashLoop.counts === 'restarts' && !this.isStuck)) return 'retry';
    this.crashesMs = [...this.crashesMs.filter((ms) => this.nowMs - ms < crashLoop.withinMs), this.nowMs];
    if (!this.isOnTrial && this.crashesMs.length < crashLoop.after) return 'retry';
    this.isOnTrial = true;
    this.crashesMs = [];
    return 'rest';
  }

  private clear(): void {
    this.at = { start: NEVER, deadline: NEVER, silent: NEVER, slot: NEVER, grace: NEVER, rest: NEVER };
  }

  private tell(what: string): void {
    this.told.push(`${this.nowMs} #${this.runs} ${what}`);
  }
}
