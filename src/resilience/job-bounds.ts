/** Owns the bounds of a job's options, and the errors of the supervisor and of aborted runs. */

import { show } from './errors.js';
import { type Job, overlapPolicies } from './job.js';
import { LONGEST_MS } from './policy-clock.js';

/**
 * `JOB_INVALID`: an option is out of bounds. `JOB_RUNNING`: a job of this name has not been stopped. `JOB_UNKNOWN`: no
 * job of this name is running.
 */
export class SupervisorError extends Error {
  override readonly name = 'SupervisorError';
  constructor(
    readonly code: 'JOB_INVALID' | 'JOB_RUNNING' | 'JOB_UNKNOWN',
    message: string,
  ) {
    super(message);
  }
}

/**
 * The reason on a run's signal. `JOB_DEADLINE`: it took too long. `JOB_SILENT`: it gave no sign of life. `JOB_REPLACED`:
 * the next run is due or was triggered. `JOB_RESTARTED`: somebody restarts the job. `JOB_STOPPED`: it is being stopped.
 */
export class JobAborted extends Error {
  override readonly name = 'JobAborted';
  constructor(
    readonly code: 'JOB_DEADLINE' | 'JOB_SILENT' | 'JOB_REPLACED' | 'JOB_RESTARTED' | 'JOB_STOPPED',
    message: string,
  ) {
    super(message);
  }
}

/** The name is a label value; a flow's own name, which is part of some, has 63 characters at most. */
const MAX_NAME = 100;

/** Every option of a job: a misspelt one would silently mean the default. */
const OPTIONS = {
  name: true,
  intervalMs: true,
  every: true,
  deadlineMs: true,
  heartbeatMs: true,
  toleranceMs: true,
  overlap: true,
  jitter: true,
  backoff: true,
  crashLoop: true,
  graceMs: true,
  run: true,
} as const satisfies Record<keyof Job, true>;

/**
 * Throws SupervisorError, naming option, value and rule, unless all options of the job are there and within their
 * bounds. `given` is whatever a program without types handed in.
 */
export function checkJob(given: unknown, clock: { readonly wallMs?: unknown } = {}): asserts given is Job {
  const job = new JobReader(given);
  job.known(Object.keys(OPTIONS));
  if (typeof job.get('run') !== 'function') job.refuse('run', 'a function');
  if (typeof job.get('intervalMs') !== 'function') job.span('intervalMs', 0);
  if (job.has('every') && job.has('intervalMs')) job.refuse('intervalMs', 'left out where every is given');
  if (!job.has('deadlineMs') && !job.has('heartbeatMs'))
    job.refuse('deadlineMs', 'given unless heartbeatMs is');
  job.span('deadlineMs', 1);
  job.span('heartbeatMs', 1);
  job.span('toleranceMs', 0);
  job.span('graceMs', 0);
  job.number('jitter', 0, 1);
  job.oneOf('overlap', overlapPolicies);
  const every = job.part('every', ['periodMs', 'offsetMs', 'from']);
  every?.needed('periodMs').span('periodMs', 1);
  every?.span('offsetMs', 0);
  every?.oneOf('from', ['start', 'wall']);
  if (every?.get('from') === 'wall' && clock.wallMs === undefined)
    every.refuse('from', 'start, unless the clock has wallMs');
  const backoff = job.part('backoff', ['firstMs', 'maxMs']);
  backoff?.needed('firstMs').span('firstMs', 1);
  backoff?.needed('maxMs').span('maxMs', backoff.get('firstMs') as number);
  const crashLoop = job.part('crashLoop', ['after', 'withinMs', 'restMs', 'counts']);
  crashLoop?.needed('withinMs').span('withinMs', 1);
  crashLoop?.needed('restMs').span('restMs', 1);
  const after = crashLoop?.get('after');
  if (crashLoop !== undefined && !(Number.isInteger(after) && Number(after) >= 1 && Number(after) <= 1_000))
    crashLoop.refuse('after', 'a whole number from 1 to 1000');
  crashLoop?.oneOf('counts', ['failures', 'restarts']);
}

/** Throws SupervisorError unless these are the options of a supervisor. */
export function checkOptions(given: unknown): void {
  if (!isRecord(given)) refuse('supervisor', 'options', given, 'an object');
  const options = new JobReader(given, 'supervisor');
  options.known(['on', 'clock', 'random']);
  for (const option of ['on', 'random'])
    if (options.has(option) && typeof options.get(option) !== 'function')
      options.refuse(option, 'a function');
  const clock = options.get('clock');
  const isClock = isRecord(clock) && typeof clock.now === 'function' && typeof clock.after === 'function';
  if (clock !== undefined && !isClock) options.refuse('clock', 'an object with the functions now and after');
}

/** Reads the options of one job, or of a group of them, and refuses what breaks its rule. */
class JobReader {
  readonly #options: Readonly<Record<string, unknown>>;

  constructor(
    given: unknown,
    private readonly who = `job ${nameOf(given)}`,
    private readonly path = '',
  ) {
    this.#options = given as Readonly<Record<string, unknown>>;
  }

  get(option: string): unknown {
    return this.#options[option];
  }

  has(option: string): boolean {
    return this.#options[option] !== undefined;
  }

  known(names: readonly string[]): void {
    for (const option of Object.keys(this.#options))
      if (!names.includes(option)) this.refuse(option, `left out: the options are ${names.join(', ')}`);
  }

  needed(option: string): this {
    if (!this.has(option)) this.refuse(option, 'given');
    return this;
  }

  span(option: string, least: number): void {
    this.#between(option, least, LONGEST_MS, ' ms');
  }

  number(option: string, least: number, most: number): void {
    this.#between(option, least, most, '');
  }

  oneOf(option: string, list: readonly string[]): void {
    const value = this.get(option);
    if (value !== undefined && !list.includes(value as string))
      this.refuse(option, `one of ${list.join(', ')}`);
  }

  /** A group of options; undefined where it is left out. */
  part(option: string, names: readonly string[]): JobReader | undefined {
    const value = this.get(option);
    if (value === undefined) return undefined;
    if (!isRecord(value)) this.refuse(option, `an object with ${names.join(', ')}`);
    const part = new JobReader(value, this.who, `${this.path}${option}.`);
    part.known(names);
    return part;
  }

  refuse(option: string, rule: string): never {
    refuse(this.who, `${this.path}${option}`, this.get(option), rule);
  }

  #between(option: string, least: number, most: number, unit: string): void {
    const value = this.get(option);
    if (value === undefined) return;
    if (!(typeof value === 'number' && value >= least && value <= most))
      this.refuse(option, `a number from ${least} to ${most}${unit}`);
  }
}

/** The name under which the job is refused, itself checked first. */
function nameOf(given: unknown): string {
  if (!isRecord(given))
    refuse('start', 'job', given, 'an object with name, run and deadlineMs or heartbeatMs');
  const { name } = given;
  if (typeof name !== 'string' || name.length > MAX_NAME || !/^[a-z][a-z0-9_]*$/.test(name))
    refuse('job', 'name', name, `lower-case words joined by _, at most ${MAX_NAME} characters`);
  return name;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refuse(who: string, option: string, value: unknown, rule: string): never {
  throw new SupervisorError('JOB_INVALID', `${who}: ${option} is ${show(value)}, but must be ${rule}`);
}
