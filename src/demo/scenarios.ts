/** Owns the faults that the demo can play: what each does to the pipeline at each moment. Pure. */

export const SCENARIOS = ['stall', 'api-outage', 'burst', 'leak'] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

/** One planned fault. Times are real milliseconds since the pipeline started. */
export interface Scenario {
  readonly name: ScenarioName;
  readonly startMs: number;
  readonly durationMs: number;
}

/** How the market API behaves. `errors` answers 503, `silence` never answers. */
export type ApiCondition = 'normal' | 'errors' | 'silence';

/** What is in force at one moment. */
export interface Effects {
  readonly worker: 'runs' | 'stopped';
  /** Arrivals are multiplied by this. */
  readonly arrivalsFactor: number;
  readonly api: ApiCondition;
  /** Memory that the process holds for nothing. */
  readonly ballastBytes: number;
}

export const NO_EFFECTS: Effects = { worker: 'runs', arrivalsFactor: 1, api: 'normal', ballastBytes: 0 };

/** Arrivals are multiplied by this during a burst. */
export const BURST_FACTOR = 20;
/** The leak grows by this in each second … */
export const LEAK_BYTES_PER_SECOND = 1024 * 1024;
/** … and stops growing here, so that a demo cannot take a machine down. */
export const LEAK_CAP_BYTES = 256 * 1024 * 1024;

const MINUTE_MS = 60_000;
/** A stall lasts longer than the critical limit of the demo's flow (15 min), so that both limits are crossed. */
const DURATION_MS: Record<ScenarioName, number> = {
  stall: 20 * MINUTE_MS,
  'api-outage': 10 * MINUTE_MS,
  burst: 5 * MINUTE_MS,
  leak: 10 * MINUTE_MS,
};
const START_MS = 30_000;

/** The name is none of SCENARIOS, or a time is not a number of milliseconds from 0 to one week. */
export class ScenarioError extends Error {
  readonly code = 'SCENARIO_INVALID';
}

/** A plan for a named fault; without times it starts after 30 s and lasts as long as its alerts need. */
export function planScenario(
  name: string,
  times: { readonly startMs?: number | undefined; readonly durationMs?: number | undefined } = {},
): Scenario {
  const known = SCENARIOS.find((scenario) => scenario === name);
  if (known === undefined) {
    throw new ScenarioError(`there is no scenario "${name}"; choose one of ${SCENARIOS.join(', ')}`);
  }
  return {
    name: known,
    startMs: checkedMs('startMs', times.startMs ?? START_MS),
    durationMs: checkedMs('durationMs', times.durationMs ?? DURATION_MS[known]),
  };
}

/** What the plan asks for at this moment; nothing before its start, from its end on, or without a plan. */
export function effectsAt(scenario: Scenario | undefined, elapsedMs: number): Effects {
  if (scenario === undefined) return NO_EFFECTS;
  const sinceMs = elapsedMs - scenario.startMs;
  if (sinceMs < 0 || sinceMs >= scenario.durationMs) return NO_EFFECTS;
  switch (scenario.name) {
    case 'stall':
      return { ...NO_EFFECTS, worker: 'stopped' };
    case 'api-outage':
      return { ...NO_EFFECTS, api: sinceMs < scenario.durationMs / 2 ? 'errors' : 'silence' };
    case 'burst':
      return { ...NO_EFFECTS, arrivalsFactor: BURST_FACTOR };
    case 'leak':
      return { ...NO_EFFECTS, ballastBytes: leaked(sinceMs) };
  }
}

function leaked(sinceMs: number): number {
  return Math.min(LEAK_CAP_BYTES, Math.floor((sinceMs / 1000) * LEAK_BYTES_PER_SECOND));
}

function checkedMs(option: string, value: number): number {
  if (value >= 0 && value <= 7 * 86_400_000) return value;
  throw new ScenarioError(`${option} must be from 0 to 604800000 (one week), got ${value}`);
}
