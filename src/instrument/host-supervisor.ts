/** Owns the supervisor as a service starts it: on its process's own clocks, so that a job may also run at 03:00. */
import { systemJobClock } from '../resilience/job-clock.js';
import {
  createSupervisor as createBareSupervisor,
  type Supervisor,
  type SupervisorOptions,
} from '../resilience/supervisor.js';

/**
 * A supervisor without jobs. Unless a clock is given, time is the process's monotonic clock with timers that do not
 * keep the process alive, and `every.from: 'wall'` means the system's wall clock. Throws SupervisorError on an option
 * that is none or of the wrong kind.
 */
export function createSupervisor(options: SupervisorOptions = {}): Supervisor {
  const clock = systemJobClock({ unref: true, wallMs: Date.now });
  const isGiven = typeof options === 'object' && options !== null;
  return createBareSupervisor(isGiven ? { clock, ...definedOf(options) } : options);
}

/** An option that is there and undefined means its default: spread as it is, it would take the clock away. */
function definedOf(options: SupervisorOptions): SupervisorOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
