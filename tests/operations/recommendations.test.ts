/** Checks the recommendations: each is drawn from a value that is beyond what it should be. */
import { describe, expect, it } from 'vitest';
import { recommendationsBody } from '../../src/operations/recommendations.js';
import { breaker, channel, job } from './made-up-facts.js';
import { badProbe, busy, monitoringFacts, stuckFlow } from './made-up-monitoring.js';

describe('recommendations', () => {
  it('say that all is well when it is', () => {
    expect(recommendationsBody(monitoringFacts())).toMatchObject({
      recommendations: [],
      count: 0,
      message: 'System performing well',
    });
  });

  it('are drawn from each part that is not well, the most urgent first', () => {
    const body = recommendationsBody(
      monitoringFacts({
        flows: () => [stuckFlow],
        resources: () => busy,
        breakers: () => [{ ...breaker, state: 'forced_open' }],
        probes: () => [badProbe],
        jobs: () => [{ ...job, state: 'crash_looping', restarts: 2 }],
        channels: () => [{ ...channel, messages: { ...channel.messages, dead: 2 } }],
      }),
    );
    expect(body.recommendations.map((r) => [r.severity, r.kind, r.component, r.reason])).toEqual([
      [
        'critical',
        'resource',
        'cpu_utilization_ratio',
        'cpu_utilization_ratio is 0.97, above the critical limit of 0.95',
      ],
      ['critical', 'flow', 'tokens', '4 items are in monitoring beyond its limit, the oldest for 20 minutes'],
      ['critical', 'flow', 'tokens', 'the flow is judged stalled'],
      ['critical', 'flow', 'tokens', 'the counting is 700 seconds behind'],
      ['error', 'probe', 'bot', '3 bad answers in a row: timeout'],
      ['error', 'job', 'publish', 'the job is crash_looping and was begun anew 2 times'],
      ['error', 'channel', 'telegram', '2 messages could not be delivered'],
      ['warning', 'breaker', 'market', 'the circuit breaker is forced_open'],
    ]);
    expect(body.message).toBe(body.recommendations[0]!.action);
    for (const { action } of body.recommendations) expect(action).not.toBe('');
  });
});
