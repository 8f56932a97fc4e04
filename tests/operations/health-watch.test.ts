/** Checks what is noticed between two looks: the last failure of a breaker, the last try of a channel, the last minutes. */
import { describe, expect, it } from 'vitest';
import { watchPolicies } from '../../src/metrics/policies.js';
import { createMetrics } from '../../src/metrics/registry.js';
import { BreakerWatch, breakersJson } from '../../src/operations/health-breakers.js';
import { ChannelWatch } from '../../src/operations/health-channels.js';
import { FiringBoard } from '../../src/operations/health-firing.js';
import { jobLines } from '../../src/operations/health-jobs.js';
import { PerformanceWindow } from '../../src/operations/health-performance.js';
import { CircuitBreaker } from '../../src/resilience/breaker.js';
import type { PolicyListener } from '../../src/resilience/events.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { alert } from './made-up-facts.js';

/** A breaker that tells whether it is listened to. */
class HeardBreaker extends CircuitBreaker {
  listened = 0;

  get hasListeners(): boolean {
    return this.isHeard;
  }

  override onEvent(listener: PolicyListener): () => void {
    this.listened += 1;
    return super.onEvent(listener);
  }
}

const metricsOnly = () => createMetrics({ processMetrics: 'omit' });

describe('breakers', () => {
  it('show their state, their counts and when they last failed', async () => {
    const metrics = metricsOnly();
    const breaker = new CircuitBreaker({ name: 'mail', failureThreshold: 2, recoveryTimeoutMs: 60_000 });
    watchPolicies(metrics, [breaker]);
    const watch = new BreakerWatch(metrics);
    watch.look(1_000_000);
    expect(watch.lines()[0]).toMatchObject({ state: 'closed', lastFailureAt: undefined });
    const fail = () => breaker.execute(() => Promise.reject(new Error('no'))).catch(() => {});
    await fail();
    watch.look(2_000_000);
    watch.look(3_000_000);
    const [once] = Object.values(breakersJson(watch.lines()));
    expect(once).toMatchObject({ state: 'closed', failure_count: 1, last_failure_time: 2_000 });
    await fail();
    await fail();
    watch.look(4_000_000);
    expect(watch.lines()).toMatchObject([
      {
        name: 'mail',
        state: 'open',
        failureCount: 0,
        lastFailureAt: new Date(4_000_000),
        calls: { failure: 2, rejected: 1 },
      },
    ]);
    expect(watch.lines()[0]!.retryAfterSeconds).toBeGreaterThan(0);
  });

  it('begin anew with another breaker of the name, and leave no listener on one that is watched no more', async () => {
    const metrics = metricsOnly();
    const make = () => new HeardBreaker({ name: 'mail', failureThreshold: 9, recoveryTimeoutMs: 60_000 });
    const fail = (breaker: CircuitBreaker) =>
      breaker.execute(() => Promise.reject(new Error('no'))).catch(() => {});
    const first = make();
    const end = watchPolicies(metrics, [first]);
    const watch = new BreakerWatch(metrics);
    for (let i = 0; i < 3; i++) await fail(first);
    watch.look(1_000_000);
    expect(watch.lines()[0]).toMatchObject({ failuresInRow: 3, lastFailureAt: new Date(1_000_000) });
    end();
    const second = make();
    watchPolicies(metrics, [second]);
    watch.look(2_000_000);
    expect(watch.lines()[0]).toMatchObject({ failuresInRow: 0, lastFailureAt: undefined });
    // Fewer than the first one had: they are news all the same.
    await fail(second);
    watch.look(3_000_000);
    expect(watch.lines()[0]).toMatchObject({ failuresInRow: 1, lastFailureAt: new Date(3_000_000) });
    expect([first.hasListeners, second.hasListeners]).toEqual([false, true]);
    watch.look(4_000_000);
    expect(second.listened).toBe(1);
  });

  it('tell how many calls failed since one succeeded, open or not', async () => {
    const metrics = metricsOnly();
    const clock = new ManualClock();
    const rules = { failureThreshold: 3, recoveryTimeoutMs: 60_000, successThreshold: 2, callTimeoutMs: 50 };
    const breaker = new CircuitBreaker({ name: 'mail', ...rules, clock });
    const fail = () => breaker.execute(() => Promise.reject(new Error('no'))).catch(() => {});
    const succeed = () => breaker.execute(() => 'yes');
    watchPolicies(metrics, [breaker]);
    await fail();
    const watch = new BreakerWatch(metrics);
    const told = () => watch.lines().map(({ state, failuresInRow }) => [state, failuresInRow])[0];
    expect(told()).toEqual(['closed', 1]);
    await succeed();
    expect(told()).toEqual(['closed', 0]);
    await fail();
    const hangs = breaker.execute(() => new Promise(() => {})).catch(() => {});
    clock.advance(50);
    await hangs;
    await fail();
    expect(told()).toEqual(['open', 3]);
    await fail();
    expect(told()).toEqual(['open', 3]);
    clock.advance(60_000);
    expect(told()).toEqual(['half_open', 3]);
    await fail();
    expect(told()).toEqual(['open', 4]);
    clock.advance(60_000);
    await succeed();
    expect(told()).toEqual(['half_open', 0]);
  });
});

describe('channels', () => {
  it('show how the latest try ended', () => {
    const metrics = metricsOnly();
    const tries = (outcome: string) => metrics.notificationAttempts.inc({ channel: 'telegram', outcome });
    const watch = new ChannelWatch(metrics, ['telegram']);
    watch.look(1_000);
    expect(watch.lines()[0]).toMatchObject({ latest: undefined, lastSentAt: undefined });
    tries('transient');
    tries('sent');
    watch.look(2_000);
    expect(watch.lines()[0]).toMatchObject({
      latest: { outcome: 'sent', at: new Date(2_000) },
      lastSentAt: new Date(2_000),
    });
    tries('transient');
    watch.look(3_000);
    watch.look(4_000);
    expect(watch.lines()[0]).toMatchObject({
      latest: { outcome: 'transient', at: new Date(3_000) },
      lastSentAt: new Date(2_000),
      attempts: { sent: 1, limited: 0, transient: 2, permanent: 0 },
    });
  });
});

describe('jobs', () => {
  it('show their state beside their series', () => {
    const metrics = metricsOnly();
    metrics.jobRuns.inc({ job_name: 'b', outcome: 'failure' }, 3);
    metrics.jobLastSuccessTimestamp.set({ job_name: 'b' }, 12);
    const lines = jobLines(
      new Map([
        ['b', 'late'],
        ['a', 'idle'],
      ]),
      metrics,
    );
    expect(lines).toMatchObject([
      { name: 'a', state: 'idle', lastSuccessAt: undefined, runs: { success: 0 } },
      { name: 'b', state: 'late', lastSuccessAt: new Date(12_000), runs: { failure: 3 } },
    ]);
  });
});

describe('the last minutes', () => {
  const labels = {
    http_request_method: 'GET',
    http_route: '/x',
    http_response_status_code: '200',
  };

  it('are what lies between the oldest look and the latest', async () => {
    const metrics = metricsOnly();
    const window = new PerformanceWindow(metrics);
    expect(window.report().windowSeconds).toBe(0);
    metrics.httpServerDuration.observe(labels, 9);
    await window.look(0, new Set());
    for (let n = 0; n < 100; n += 1) metrics.httpServerDuration.observe(labels, 0.02);
    metrics.httpServerDuration.observe({ ...labels, http_response_status_code: '503' }, 0.3);
    await window.look(60_000, new Set());
    const { http, windowSeconds } = window.report();
    expect(windowSeconds).toBe(60);
    expect(http).toMatchObject({ count: 101, errors: 1, perMinute: 101 });
    expect(http!.meanSeconds).toBeCloseTo((100 * 0.02 + 0.3) / 101, 10);
    // As histogram_quantile counts: half of 101 of the 100 in the bucket from 0.01 to 0.025.
    expect(http!.p50Seconds).toBeCloseTo(0.01 + 0.015 * (50.5 / 100), 10);
    expect(http!.p99Seconds).toBeCloseTo(0.01 + 0.015 * (99.99 / 100), 10);
  });

  it('forget what is older than five minutes', async () => {
    const metrics = metricsOnly();
    const window = new PerformanceWindow(metrics);
    metrics.httpServerDuration.observe(labels, 0.02);
    for (let s = 0; s <= 900; s += 5) {
      if (s === 500) metrics.httpServerDuration.observe(labels, 0.02);
      await window.look(s * 1000, new Set());
    }
    expect(window.report()).toMatchObject({ windowSeconds: 300, http: { count: 0, p50Seconds: undefined } });
  });

  it('take the jump to a stored total for no move', async () => {
    const metrics = metricsOnly();
    const window = new PerformanceWindow(metrics);
    const pair = { flow: 'tokens', from: 'none', to: 'new' };
    metrics.flowTransitions.inc(pair, 0);
    await window.look(0, new Set());
    metrics.flowTransitions.advanceTo(pair, 1_000_000);
    await window.look(5_000, new Set(['tokens']));
    expect(window.report().movesPerMinute).toEqual(new Map());
    metrics.flowTransitions.advanceTo(pair, 1_000_026);
    await window.look(65_000, new Set(['tokens']));
    expect(window.report().movesPerMinute).toEqual(new Map([['tokens', 26]]));
  });

  it('tell no pace while a flow is not counted, and none of a backlog once it is again', async () => {
    const metrics = metricsOnly();
    const window = new PerformanceWindow(metrics);
    const pair = { flow: 'tokens', from: 'none', to: 'new' };
    const tokens = new Set(['tokens']);
    metrics.flowTransitions.inc(pair, 10);
    await window.look(0, tokens);
    await window.look(60_000, new Set());
    expect(window.report().movesPerMinute).toEqual(new Map());
    metrics.flowTransitions.advanceTo(pair, 1_000_000);
    await window.look(65_000, tokens);
    expect(window.report().movesPerMinute).toEqual(new Map());
    metrics.flowTransitions.advanceTo(pair, 1_000_013);
    await window.look(95_000, tokens);
    expect(window.report().movesPerMinute).toEqual(new Map([['tokens', 26]]));
  });
});

describe('firing alerts', () => {
  it('are not known once Alertmanager has been silent for too long', async () => {
    let nowMs = 0;
    let isDown = false;
    const asked = {
      alerts: async () => {
        if (isDown) throw new Error('down');
        return [alert('critical')];
      },
    };
    const board = new FiringBoard(asked, 'Watchdog', () => nowMs);
    const [job] = board.jobs();
    const run = () => job!.run(new AbortController().signal, () => {}).then(() => {});
    expect(board.report()).toEqual({ kind: 'unknown' });
    await run();
    isDown = true;
    nowMs = 45_000;
    await expect(run()).rejects.toThrow('down');
    expect(board.report()).toMatchObject({ kind: 'known', at: new Date(0) });
    nowMs = 45_001;
    expect(board.report()).toEqual({ kind: 'unknown' });
    expect(new FiringBoard(undefined, 'Watchdog', () => nowMs).report()).toEqual({ kind: 'off' });
  });
});
