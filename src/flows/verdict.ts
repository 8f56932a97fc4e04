/** Owns the stall verdict: one word that says whether the items of a flow move, judged from counts, ages and moves. */

/** Every word the judgement can use; exactly one holds for a flow at any moment. */
export const VERDICTS = ['idle', 'flowing', 'backlogged', 'stalled', 'starved'] as const;
/**
 * - `idle`: nothing moves, nothing waits under a limit.
 * - `flowing`: items move, or wait within their limits.
 * - `backlogged`: a status with a limit still passes items on, but its head is late, or it fills so fast that items will be.
 * - `stalled`: a status with a limit has a late head and passed nothing on for the whole window.
 * - `starved`: nothing arrived for far longer than the usual rate of arrivals allows, and nothing is late.
 */
export type Verdict = (typeof VERDICTS)[number];

/** One status of a flow as seen now and over the window. Counts are whole and ≥ 0; a NaN never makes anything late. */
export interface StatusObservation {
  readonly status: string;
  /** Items in this status now. */
  readonly items: number;
  /** Age in seconds of the item that has been longest in this status; undefined when the status is empty. */
  readonly oldestAgeSeconds: number | undefined;
  /**
   * The lowest limit of the status (warning before critical). Only a status with a limit is waited in: without one,
   * items may stay for ever, so it can be neither stalled nor backlogged.
   */
  readonly limitSeconds: number | undefined;
  /** Moves into this status during the window, inserts included, repeats of the status excluded. */
  readonly arrivalsInWindow: number;
  /** Moves out of this status during the window, deletes included, repeats of the status excluded. */
  readonly exitsInWindow: number;
}

/** Arrivals over a window long enough to say what is usual; it ends now and contains the short window. */
export interface ArrivalBaseline {
  /** Length in seconds; several times the short window. Take a day or more for a flow that rests at night. */
  readonly windowSeconds: number;
  readonly arrivals: number;
  /** Seconds since the last arrival; undefined when none was ever seen. */
  readonly lastArrivalAgeSeconds: number | undefined;
}

/** Everything the judgement looks at. */
export interface FlowObservation {
  readonly statuses: readonly StatusObservation[];
  /** Length of the short window in seconds, above 0. */
  readonly windowSeconds: number;
  /** New items (moves from `none`) during the window. */
  readonly arrivalsInWindow: number;
  /** Undefined until enough history exists; without it a flow is never called starved. */
  readonly baseline: ArrivalBaseline | undefined;
}

/** Arrivals that must be missing before silence is news: by chance alone this happens less than once in a thousand. */
const MISSING_ARRIVALS = 7;
/** Fewer arrivals than this do not make a habit. */
const USUAL_ARRIVALS = 10;
/** Standard deviations of two equal random streams that their difference must exceed to count as growth. */
const GROWTH_DEVIATIONS = 3;

/** Judges a flow. Total: every input, however odd, gives exactly one verdict; the worst that holds is the answer. */
export function judge(flow: FlowObservation): Verdict {
  if (flow.statuses.some((status) => isLate(status) && !(status.exitsInWindow > 0))) return 'stalled';
  if (flow.statuses.some((status) => isLate(status) || isOverrun(status, flow.windowSeconds))) {
    return 'backlogged';
  }
  if (isStarved(flow)) return 'starved';
  if (flow.arrivalsInWindow > 0 || flow.statuses.some(isMovingOrWaiting)) return 'flowing';
  return 'idle';
}

function isLate({ items, oldestAgeSeconds, limitSeconds }: StatusObservation): boolean {
  return items > 0 && oldestAgeSeconds !== undefined && limitSeconds !== undefined
    ? oldestAgeSeconds > limitSeconds
    : false;
}

/** Fills faster than chance explains, and at the present pace the last item in line would leave after its limit. */
function isOverrun(status: StatusObservation, windowSeconds: number): boolean {
  const { items, limitSeconds, arrivalsInWindow: arrivals, exitsInWindow: exits } = status;
  if (limitSeconds === undefined) return false;
  const growing = arrivals - exits > GROWTH_DEVIATIONS * Math.sqrt(arrivals + exits);
  // One more exit than seen: a window without any exit does not prove that the status never passes items on.
  const drainSeconds = (items * windowSeconds) / (exits + 1);
  return growing && drainSeconds > limitSeconds;
}

function isStarved({ arrivalsInWindow, baseline }: FlowObservation): boolean {
  if (arrivalsInWindow > 0 || baseline?.lastArrivalAgeSeconds === undefined) return false;
  const silentSeconds = baseline.lastArrivalAgeSeconds;
  // The rate while items came: dividing by the whole window would call a long silence usual while it lasts.
  const busySeconds = baseline.windowSeconds - silentSeconds;
  if (baseline.arrivals < USUAL_ARRIVALS || !(busySeconds > 0)) return false;
  return (baseline.arrivals / busySeconds) * silentSeconds >= MISSING_ARRIVALS;
}

function isMovingOrWaiting(status: StatusObservation): boolean {
  if (status.arrivalsInWindow > 0 || status.exitsInWindow > 0) return true;
  return status.limitSeconds !== undefined && status.items > 0;
}
