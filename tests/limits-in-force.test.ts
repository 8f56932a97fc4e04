/** Owns the proof that the limits in force follow the memory and the configuration, as series, as values and in the log. */
import { expect, it } from 'vitest';
import { parseConfig } from '../src/config/load.js';
import { LimitsInForce } from '../src/limits-in-force.js';
import { createMetrics } from '../src/metrics/registry.js';
import { createLogger } from '../src/telemetry/logger.js';

const settingsOf = (text: string) =>
  parseConfig(`source: { url: 'postgres://a@127.0.0.1/app' }\nthresholds: { ${text} }`, { env: {} })
    .thresholds;

function limitsOf(text: string) {
  const metrics = createMetrics({ processMetrics: 'omit' });
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({ stream: { write: (line) => void lines.push(JSON.parse(line)) }, repeatMs: 0 });
  const memory: { totalBytes: number | undefined } = { totalBytes: undefined };
  const limits = new LimitsInForce({
    settings: settingsOf(text),
    metrics,
    log,
    memoryTotalBytes: () => memory.totalBytes,
  });
  const rung = (severity: 'warning' | 'critical') => {
    const shown = metrics.threshold.value({ threshold: 'memory_used_bytes', severity });
    const value = limits
      .values()
      .find((one) => one.threshold === 'memory_used_bytes' && one.severity === severity)?.value;
    expect(value).toBe(shown);
    return shown;
  };
  return {
    limits,
    metrics,
    said: () => lines.map(({ msg, changes, memory_total_bytes }) => ({ msg, changes, memory_total_bytes })),
    look(totalBytes: number | undefined) {
      memory.totalBytes = totalBytes;
      limits.look();
      return [rung('warning'), rung('critical')];
    },
  };
}

it('are absent until the memory is known, and then move only when it moved by more than a tenth', () => {
  const { look, said, limits } = limitsOf('');
  expect(look(undefined)).toEqual([undefined, undefined]);
  expect(limits.job().intervalMs).toBeTypeOf('function');
  const pause = () => (limits.job().intervalMs as () => number)();
  expect(pause()).toBe(1_000);
  expect(look(10e9)).toEqual([5e9, 6.5e9]);
  expect(pause()).toBe(300_000);
  expect(look(11e9)).toEqual([5e9, 6.5e9]);
  // From what the values were computed from, not from the last look: a slow drift counts too.
  expect(look(11.5e9)).toEqual([5.75e9, 7.475e9]);
  expect(look(undefined)).toEqual([5.75e9, 7.475e9]);
  expect(look(0)).toEqual([5.75e9, 7.475e9]);
  expect(look(64e9)).toEqual([44.8e9, 54.4e9]);
  const change = (old: (number | null)[], now: number[], memory_total_bytes: number) => ({
    msg: 'limits follow the memory',
    changes: {
      'memory_used_bytes.warning': { old: old[0], new: now[0] },
      'memory_used_bytes.critical': { old: old[1], new: now[1] },
    },
    memory_total_bytes,
  });
  expect(said()).toEqual([
    change([null, null], [5e9, 6.5e9], 10e9),
    change([5e9, 6.5e9], [5.75e9, 7.475e9], 11.5e9),
    change([5.75e9, 7.475e9], [44.8e9, 54.4e9], 64e9),
  ]);
});

it('leave what is configured alone, severity by severity', () => {
  const { look, said } = limitsOf('memory_used_bytes: { warning: off, critical: 20e9 }');
  expect(look(64e9)).toEqual([undefined, 20e9]);
  expect(said()).toEqual([]);
});

it('take other settings at once, and what is off loses its series', () => {
  const { limits, look, metrics, said } = limitsOf('health_score: { warning: 80 }');
  look(16e9);
  limits.take(settingsOf('health_score: { warning: off }, memory_used_bytes: { warning: 1e9 }'));
  expect(look(16e9)).toEqual([1e9, 12e9]);
  expect(metrics.threshold.value({ threshold: 'health_score', severity: 'warning' })).toBeUndefined();
  expect(metrics.threshold.value({ threshold: 'health_score', severity: 'critical' })).toBe(60);
  limits.take(settingsOf('health_score: { warning: off }'));
  expect(look(16e9)).toEqual([9.6e9, 12e9]);
  expect(said().slice(1)).toEqual([
    {
      msg: 'limits of the configuration were taken',
      changes: {
        'memory_used_bytes.warning': { old: 9.6e9, new: 1e9 },
        'health_score.warning': { old: 80, new: null },
      },
      memory_total_bytes: 16e9,
    },
    {
      msg: 'limits of the configuration were taken',
      changes: { 'memory_used_bytes.warning': { old: 1e9, new: 9.6e9 } },
      memory_total_bytes: 16e9,
    },
  ]);
});
