/** Owns the flags of the demo that plan its fault: which, when it begins, how long it lasts. */
import { parseDurationMs } from '../config/duration.js';
import { planScenario, type Scenario } from '../demo/scenarios.js';

/** A wrong flag of the demo. The message says which, the value and what to write. */
export class DemoOptionError extends Error {
  readonly code = 'DEMO_OPTION';
}

/** The plan that the flags ask for; undefined without a fault. Throws DemoOptionError. */
export function scenarioPlan(values: {
  readonly scenario?: string | undefined;
  readonly 'scenario-start'?: string | undefined;
  readonly 'scenario-lasts'?: string | undefined;
}): Scenario | undefined {
  const times = {
    startMs: durationFlag('scenario-start', values['scenario-start']),
    durationMs: durationFlag('scenario-lasts', values['scenario-lasts']),
  };
  if (values.scenario !== undefined) return planScenario(values.scenario, times);
  if (times.startMs === undefined && times.durationMs === undefined) return undefined;
  throw new DemoOptionError(
    '--scenario-start and --scenario-lasts belong to a fault; name it with --scenario.',
  );
}

function durationFlag(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const parsed = parseDurationMs(text);
  if (parsed.ok) return parsed.value;
  throw new DemoOptionError(`--${name} is ${JSON.stringify(text)}, which ${parsed.what}. ${parsed.remedy}.`);
}
