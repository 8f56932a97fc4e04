/** Owns the lanes of a channel: how many send at the same time, when an idle one looks again, and who is called when something comes. */
import { sendNext } from './notifications/worker.js';
import type { WorkerOptions } from './notifications/worker-options.js';
import type { Job } from './resilience/job.js';

/** Sends of one channel at the same time: one stalled chat leaves room for the others. */
const LANES = 4;
/** What is due later, after a failure or a limit, is found by looking; so is what another replica took in. */
const IDLE_MS = 300;
const IDLE_OTHER_LANES_MS = 2_000;

/** The lanes of one channel. */
export interface Lanes {
  readonly jobs: readonly Job[];
  /** Calls an idle lane, if there is one: something may be due. */
  wake(): void;
}

/** `trigger` starts a run of the job of this name, or one more after the run that goes on. */
export function openLanes(
  worker: Omit<WorkerOptions, 'foundWork'>,
  trigger: (job: string) => unknown,
  isReady: () => boolean,
): Lanes {
  const lanes = Array.from({ length: LANES }, (_, index) => ({
    name: `notify_${worker.channel.name}_${index + 1}`,
    idleMs: index === 0 ? IDLE_MS : IDLE_OTHER_LANES_MS,
    hasWork: false,
  }));
  const wake = () => {
    const idle = lanes.find(({ hasWork }) => !hasWork);
    if (idle === undefined) return;
    try {
      trigger(idle.name);
    } catch {
      // While the jobs stop there is nobody to call, and what was stored must not be answered with an error for that.
    }
  };

  function jobOf(lane: (typeof lanes)[number]): Job {
    let pauseMs = lane.idleMs;
    const own: WorkerOptions = {
      ...worker,
      holder: `${worker.holder} ${lane.name}`,
      foundWork() {
        lane.hasWork = true;
        wake();
      },
    };
    return {
      name: lane.name,
      intervalMs: () => pauseMs,
      // A call that comes while the lane finds nothing must not be lost.
      overlap: 'queue-one',
      deadlineMs: worker.leaseMs + 15_000,
      backoff: { firstMs: 250, maxMs: 2_000 },
      graceMs: 2_000,
      async run(signal) {
        pauseMs = lane.idleMs;
        if (!isReady()) return;
        try {
          if (await sendNext(own, signal)) pauseMs = 0;
        } finally {
          lane.hasWork = false;
        }
      },
    };
  }

  return { jobs: lanes.map(jobOf), wake };
}
