/** Owns the proof of each fault's schedule. */
import { describe, expect, test } from 'vitest';
import { effectsAt, NO_EFFECTS, planScenario, SCENARIOS } from '../../src/demo/scenarios.js';

const MIB = 1024 * 1024;

describe('scenarios', () => {
  test.each(SCENARIOS)('%s does nothing before its start and after its end', (name) => {
    const plan = planScenario(name, { startMs: 1_000, durationMs: 10_000 });
    expect(effectsAt(plan, 999)).toEqual(NO_EFFECTS);
    expect(effectsAt(plan, 3_500)).not.toEqual(NO_EFFECTS);
    expect(effectsAt(plan, 10_999)).not.toEqual(NO_EFFECTS);
    expect(effectsAt(plan, 11_000)).toEqual(NO_EFFECTS);
    expect(effectsAt(undefined, 3_500)).toEqual(NO_EFFECTS);
  });

  test('each does what its name says and nothing else', () => {
    const at = (name: string, ms: number) =>
      effectsAt(planScenario(name, { startMs: 0, durationMs: 600_000 }), ms);
    expect(at('stall', 1)).toEqual({ ...NO_EFFECTS, worker: 'stopped' });
    expect(at('burst', 1)).toEqual({ ...NO_EFFECTS, arrivalsFactor: 20 });
    expect(at('api-outage', 299_999)).toEqual({ ...NO_EFFECTS, api: 'errors' });
    expect(at('api-outage', 300_000)).toEqual({ ...NO_EFFECTS, api: 'silence' });
    expect(at('leak', 10_000)).toEqual({ ...NO_EFFECTS, ballastBytes: 10 * MIB });
    expect(at('leak', 599_000)).toEqual({ ...NO_EFFECTS, ballastBytes: 256 * MIB });
  });

  test('by default a stall outlasts the critical limit of the watched flow', () => {
    expect(planScenario('stall')).toEqual({ name: 'stall', startMs: 30_000, durationMs: 20 * 60_000 });
  });

  test('a wrong name or time is refused with the remedy', () => {
    expect(() => planScenario('fire')).toThrow(
      'there is no scenario "fire"; choose one of stall, api-outage, burst, leak',
    );
    expect(() => planScenario('stall', { startMs: -1 })).toThrow(
      'startMs must be from 0 to 604800000 (one week), got -1',
    );
    expect(() => planScenario('stall', { durationMs: Number.NaN })).toThrow('durationMs');
  });
});
