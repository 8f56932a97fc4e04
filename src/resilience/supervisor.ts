/** Owns the set of running background jobs: started by name, stopped in reverse order, never two of one name. */

import { checkJob, type Job, SupervisorError } from './job.js';
import { JobLoop, type LoopOptions } from './job-loop.js';

/** The door to the jobs of a process. */
export interface Supervisor {
  /** Starts a job; its first run begins at once, not inside this call. Throws SupervisorError on a bad or running job. */
  start(job: Job): void;
  /** Stops one job; true when its run ended within the grace (or none was going on), false when it was left behind. */
  stop(name: string): Promise<boolean>;
  /** Stops all jobs, the last started first, each after the one before. Resolves with the names left behind. */
  stopAll(): Promise<readonly string[]>;
}

/** A supervisor without jobs. */
export function createSupervisor(options: LoopOptions): Supervisor {
  const loops = new Map<string, JobLoop>();

  async function stop(name: string): Promise<boolean> {
    const loop = loops.get(name);
    if (loop === undefined) return true;
    const ended = await loop.stop();
    // A job of the same name may have been started while this one was going down.
    if (loops.get(name) === loop) loops.delete(name);
    return ended;
  }

  return {
    start(job) {
      checkJob(job);
      if (loops.get(job.name)?.isStopped === false) {
        throw new SupervisorError('JOB_RUNNING', `job ${job.name} is still running: wait for stop() first`);
      }
      // Deleted first, so that a restarted job counts as the last started in the order of stopping.
      loops.delete(job.name);
      const loop = new JobLoop(job, options);
      loops.set(job.name, loop);
      loop.start();
    },
    stop,
    async stopAll() {
      const leftBehind: string[] = [];
      for (const name of [...loops.keys()].reverse()) {
        if (!(await stop(name))) leftBehind.push(name);
      }
      return leftBehind;
    },
  };
}
