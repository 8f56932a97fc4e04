/** Owns the set of running background jobs: started by name, stopped in reverse order, never two of one name. */

import type { Job, JobState, TriggerAnswer } from './job.js';
import { checkJob, checkOptions, SupervisorError } from './job-bounds.js';
import { type JobClock, systemJobClock } from './job-clock.js';
import type { JobEvent } from './job-event.js';
import { JobLoop } from './job-loop.js';

/** The door to the jobs of a process. */
export interface Supervisor {
  /**
   * Starts a job; its first run begins at once or when it is due, not inside this call. Throws SupervisorError on a bad
   * or running job.
   */
  start(job: Job): void;
  /** Stops one job; true when its run ended within the grace (or none was going on), false when it was left behind. */
  stop(name: string): Promise<boolean>;
  /**
   * Asks for a run now, also of a job that backs off. While a run goes on the job's overlap policy decides; a job that
   * crash-loops or stops is not run. Several triggers before a run begins make one run. Throws SupervisorError when no
   * job of this name is running.
   */
  trigger(name: string): TriggerAnswer;
  /**
   * Begins a job anew, as if it had never failed: a run that goes on is aborted and followed at once, a crash-looping
   * job is woken. A job that is being stopped stays so. Throws SupervisorError when no job of this name is running.
   */
  restart(name: string): void;
  /** What each job is doing now; of the stopped ones the last 1,000. */
  states(): ReadonlyMap<string, JobState>;
  /**
   * Stops all jobs, the last started first, each after the one before; also those that are started meanwhile. Resolves
   * with the names left behind.
   */
  stopAll(): Promise<readonly string[]>;
}

/** Options of a supervisor. */
export interface SupervisorOptions {
  /** Told every event; an exception it throws, or a promise it rejects, is dropped. Nobody by default. */
  readonly on?: ((event: JobEvent) => unknown) | undefined;
  /** Time. Default the process's monotonic clock, with timers that do not keep the process alive. */
  readonly clock?: JobClock | undefined;
  /** Chance for jitter and back-off, uniform in [0, 1); what it throws, or another answer, counts as 0.5. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** Stopped jobs that `states` still names. */
const MAX_STOPPED = 1_000;

/** A supervisor without jobs. Throws SupervisorError on an option that is none or of the wrong kind. */
export function createSupervisor(given: SupervisorOptions = {}): Supervisor {
  checkOptions(given);
  const { on = () => {}, clock = systemJobClock({ unref: true }), random = Math.random } = given;
  const options = { on, clock, random: () => drawn(random) };
  const loops = new Map<string, JobLoop>();
  const stopped = new Set<string>();

  async function stop(name: string): Promise<boolean> {
    const loop = loops.get(name);
    if (loop === undefined) return true;
    const ended = await loop.stop();
    // A job of the same name may have been started while this one was going down.
    if (loops.get(name) === loop) {
      loops.delete(name);
      stopped.add(name);
      // Jobs that are named after something that comes and goes must not fill the memory.
      if (stopped.size > MAX_STOPPED) stopped.delete(stopped.values().next().value!);
    }
    return ended;
  }

  function running(name: string): JobLoop {
    const loop = loops.get(name);
    if (loop === undefined || loop.isStopped)
      throw new SupervisorError('JOB_UNKNOWN', `no job ${name} is running: start() it first`);
    return loop;
  }

  return {
    start(job) {
      checkJob(job, clock);
      if (loops.get(job.name)?.isStopped === false) {
        throw new SupervisorError('JOB_RUNNING', `job ${job.name} is still running: wait for stop() first`);
      }
      // Deleted first, so that a restarted job counts as the last started in the order of stopping.
      loops.delete(job.name);
      stopped.delete(job.name);
      const loop = new JobLoop(job, options);
      loops.set(job.name, loop);
      loop.start();
    },
    trigger: (name) => running(name).trigger(),
    restart: (name) => running(name).restart(),
    stop,
    states() {
      const states = new Map<string, JobState>();
      for (const name of stopped) states.set(name, 'stopped');
      for (const [name, loop] of loops) states.set(name, loop.state);
      return states;
    },
    async stopAll() {
      const leftBehind: string[] = [];
      // Asked anew each time: a job that somebody starts meanwhile would stay alive in a process that thinks it has none.
      for (let name = lastOf(loops); name !== undefined; name = lastOf(loops)) {
        if (!(await stop(name))) leftBehind.push(name);
      }
      return leftBehind;
    },
  };
}

/** A draw of the host's that throws would end the job for good, one that is no share would make a busy or endless wait. */
function drawn(random: () => number): number {
  try {
    const share = random();
    return share >= 0 && share < 1 ? share : 0.5;
  } catch {
    return 0.5;
  }
}

function lastOf(loops: ReadonlyMap<string, unknown>): string | undefined {
  return [...loops.keys()].at(-1);
}
