/** Checks flows whose moves a program tells: counted at once, timed when known, honest when something is missing. */
import { beforeEach, describe, expect, test } from 'vitest';
import { trackFlow } from '../../src/instrument/flow-tracker.js';
import { createMetrics, type Metrics } from '../../src/metrics/registry.js';
import { textOf } from '../metrics/fixture.js';

const WALL_MS = 1_700_000_000_000;
let nowMs = 0;
let metrics: Metrics;
const options = {
  statuses: ['monitoring', 'active', 'archived'],
  moves: ['monitoring>active', 'active>archived'],
  nowMs: () => nowMs,
  wallMs: () => WALL_MS + nowMs,
};

beforeEach(() => {
  nowMs = 0;
  metrics = createMetrics({ processMetrics: 'omit' });
});

async function scraped(name: string, keep: 'all' | 'not zero' = 'not zero'): Promise<string[]> {
  metrics.refreshSelf();
  return (await textOf(metrics.registry))
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && (keep === 'all' || !line.endsWith(' 0')))
    .map((line) => line.slice(name.length).replaceAll('"', ''));
}

describe('moves', () => {
  test('are counted and thrown back at nobody when the clock that was handed in throws', async () => {
    const broken = () => {
      throw new Error('no clock');
    };
    const tokens = trackFlow(metrics, 'tokens', { ...options, nowMs: broken, wallMs: broken });
    tokens.moved('a', null, 'monitoring');
    expect(await scraped('flow_transitions_total')).toEqual(['{flow=tokens,from=none,to=monitoring} 1']);
  });

  test('are there at zero at once, then count; unexpected ones and foreign statuses are told', async () => {
    const tokens = trackFlow(metrics, 'tokens', options);
    expect(await scraped('flow_transitions_total', 'all')).toHaveLength(8);
    expect(await scraped('flow_capture_info')).toEqual(['{flow=tokens,mode=told} 1']);
    tokens.moved('a', null, 'monitoring');
    tokens.moved('a', 'monitoring', 'active');
    tokens.moved('a', 'active', 'active');
    tokens.moved('b', null, 'monitoring');
    tokens.moved('b', 'monitoring', 'archived');
    tokens.moved('b', 'archived', 'weird');
    tokens.moved('a', 'active', null);
    expect(await scraped('flow_transitions_total')).toEqual([
      '{flow=tokens,from=none,to=monitoring} 2',
      '{flow=tokens,from=active,to=none} 1',
      '{flow=tokens,from=monitoring,to=active} 1',
      '{flow=tokens,from=monitoring,to=archived} 1',
      '{flow=tokens,from=archived,to=other} 1',
    ]);
    expect(await scraped('flow_unexpected_transitions_total')).toEqual(['{flow=tokens} 2']);
    expect(await scraped('flow_capture_gaps_total', 'all')).toEqual(['{flow=tokens} 0']);
    expect(tokens.size).toBe(1);
    expect(await scraped('flow_last_transition_timestamp_seconds')).toContain(
      '{flow=tokens,to=active} 1700000000',
    );
  });

  test('time the stays whose beginning was seen', async () => {
    const tokens = trackFlow(metrics, 'tokens', options);
    tokens.moved(1, null, 'monitoring');
    nowMs += 42_000;
    tokens.moved(1, 'monitoring', 'active');
    tokens.moved(2, 'monitoring', 'active');
    expect(await scraped('flow_status_duration_seconds_sum')).toEqual([
      '{flow=tokens,status=monitoring,to=active} 42',
    ]);
    expect(await scraped('flow_status_duration_seconds_count')).toEqual([
      '{flow=tokens,status=monitoring,to=active} 1',
    ]);
  });

  test('a move that does not continue the one before is a gap, and times nothing', async () => {
    const tokens = trackFlow(metrics, 'tokens', options);
    tokens.moved('a', null, 'monitoring');
    tokens.moved('a', 'active', 'archived');
    expect(await scraped('flow_capture_gaps_total')).toEqual(['{flow=tokens} 1']);
    expect(await scraped('flow_status_duration_seconds_count', 'all')).toEqual([]);
  });
});

describe('what lives now', () => {
  test('is silent until it was said, then counts, ages and limits', async () => {
    const tokens = trackFlow(metrics, 'tokens', {
      ...options,
      limitsMs: { monitoring: { warning: 60_000, critical: 900_000 } },
    });
    tokens.moved('a', null, 'monitoring');
    expect(await scraped('flow_items', 'all')).toEqual([]);
    expect(await scraped('flow_status_limit_seconds')).toHaveLength(2);
    tokens.seed([
      { id: 'b', status: 'monitoring', enteredAt: new Date(WALL_MS - 61_000) },
      { id: 'c', status: 'active' },
    ]);
    expect(await scraped('flow_items', 'all')).toEqual([
      '{flow=tokens,status=monitoring} 2',
      '{flow=tokens,status=active} 1',
      '{flow=tokens,status=archived} 0',
      '{flow=tokens,status=other} 0',
    ]);
    expect(await scraped('flow_stuck_items', 'all')).toEqual(['{flow=tokens,status=monitoring} 1']);
    expect(await scraped('flow_oldest_item_timestamp_seconds')).toEqual([
      '{flow=tokens,status=monitoring} 1699999939',
    ]);
    tokens.moved('b', 'monitoring', 'active');
    tokens.moved('c', 'active', 'archived');
    expect(await scraped('flow_status_duration_seconds_sum')).toEqual([
      '{flow=tokens,status=monitoring,to=active} 61',
    ]);
    tokens.moved('never-told', 'active', 'archived');
    expect(await scraped('flow_capture_gaps_total')).toEqual(['{flow=tokens} 1']);
  });

  test('ends when more live than are remembered; moves stay exact, the forgotten are counted', async () => {
    const tokens = trackFlow(metrics, 'tokens', { ...options, maxItems: 3 });
    tokens.seed([]);
    for (const id of [1, 2, 3]) tokens.moved(id, null, 'monitoring');
    expect(await scraped('flow_items')).toEqual(['{flow=tokens,status=monitoring} 3']);
    tokens.moved(4, null, 'monitoring');
    tokens.moved(1, 'monitoring', 'active');
    expect(tokens.size).toBe(3);
    expect(await scraped('flow_items', 'all')).toEqual([]);
    expect(await scraped('flow_forgotten_items_total')).toEqual(['{flow=tokens} 2']);
    expect(await scraped('flow_transitions_total')).toEqual([
      '{flow=tokens,from=none,to=monitoring} 4',
      '{flow=tokens,from=monitoring,to=active} 1',
    ]);
    expect(await scraped('flow_capture_gaps_total', 'all')).toEqual(['{flow=tokens} 0']);
  });

  test('an entry that is no date is not timed; a list that cannot be read changes nothing and throws nothing', async () => {
    const tokens = trackFlow(metrics, 'tokens', options);
    const broken = {
      *[Symbol.iterator]() {
        yield { id: 1, status: 'active' };
        throw new Error('cursor lost');
      },
    };
    for (const living of [broken, undefined, 7, [null], [{ status: 'active' }], [{ id: 1, status: 2 }]]) {
      tokens.seed(living as never);
      expect(await scraped('flow_items', 'all')).toEqual([]);
      expect(tokens.size).toBe(0);
    }
    tokens.seed([
      { id: 1, status: 'active', enteredAt: '2023-01-01' as never },
      { id: 2, status: 'active', enteredAt: null as never },
      { id: 3, status: 'active', enteredAt: new Date('no date') },
    ]);
    expect(await scraped('flow_items')).toEqual(['{flow=tokens,status=active} 3']);
    expect(await scraped('flow_oldest_item_timestamp_seconds', 'all')).toEqual([]);
  });

  test('a tracker that was stopped counts nothing and brings nothing back', async () => {
    const tokens = trackFlow(metrics, 'tokens', options);
    tokens.seed([{ id: 1, status: 'active' }]);
    tokens.moved(1, 'active', 'archived');
    tokens.stop();
    tokens.stop();
    expect(await scraped('flow_capture_info', 'all')).toEqual([]);
    tokens.seed([{ id: 2, status: 'active' }]);
    tokens.moved(2, 'active', 'archived');
    expect(await scraped('flow_items', 'all')).toEqual([]);
    expect(await scraped('flow_transitions_total')).toEqual(['{flow=tokens,from=active,to=archived} 1']);
    const next = trackFlow(metrics, 'tokens', options);
    next.seed([{ id: 3, status: 'active' }]);
    // The end of the first was told already: it must not end the second.
    tokens.stop();
    expect(await scraped('flow_capture_info')).toEqual(['{flow=tokens,mode=told} 1']);
    expect(await scraped('flow_items')).toEqual(['{flow=tokens,status=active} 1']);
    expect(() => trackFlow(metrics, 'tokens', options)).toThrow(
      'a flow "tokens" is on these metrics already',
    );
  });

  test('goes with the tracker, and the name is free again; before, it is taken', async () => {
    const tokens = trackFlow(metrics, 'tokens', options);
    expect(() => trackFlow(metrics, 'tokens', options)).toThrow(
      'a flow "tokens" is on these metrics already',
    );
    tokens.seed([{ id: 1, status: 'active' }]);
    tokens.moved(1, 'active', 'archived');
    tokens.stop();
    expect(await scraped('flow_items', 'all')).toEqual([]);
    trackFlow(metrics, 'tokens', options).moved(2, 'active', 'archived');
    expect(await scraped('flow_transitions_total')).toEqual(['{flow=tokens,from=active,to=archived} 2']);
  });
});

test.each([
  ['Tokens', {}, 'option name must be lower-case words joined by _, at most 40 characters; got "Tokens"'],
  ['tokens', { statuses: [] }, 'option statuses must be a list of 1 to 50 statuses'],
  [
    'tokens',
    { statuses: ['none'] },
    'texts of 1 to 100 characters without >, none of them none or other; got "none"',
  ],
  [
    'tokens',
    { moves: ['monitoring>gone'] },
    'option moves must be a list of moves such as monitoring>active between two of the statuses',
  ],
  [
    'tokens',
    { limitsMs: { active: { warning: 0 } } },
    'trackFlow: option limitsMs[active].warning must be milliseconds above 0',
  ],
  ['tokens', { maxItems: 0 }, 'option maxItems must be a whole number from 1 to 100000'],
])('%s with %j is refused', (name, wrong, message) => {
  expect(() => trackFlow(metrics, name, { ...options, ...wrong })).toThrow(message);
});
