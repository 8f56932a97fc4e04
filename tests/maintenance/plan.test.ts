/** Proves the judgement of one wish, whatever Alertmanager has of it, and that nothing that can be asked for silences everything. */
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { commentOf, guardedMatchers, isMatched, type Silence } from '../../src/alerts/silence.js';
import { planOf } from '../../src/maintenance/plan.js';
import { type Wish, whyOf } from '../../src/maintenance/wish.js';

const WISH: Wish = {
  id: '1',
  tag: 'flowgauge-1',
  kind: 'maintenance',
  name: 'manual',
  matchers: [
    { name: 'flow', value: 'tokens', isEqual: true },
    { name: 'alertname', value: 'Watchdog', isEqual: false },
  ],
  owner: 'Anna',
  reason: 'new disk',
  chat: undefined,
  startsAtMs: 0,
  untilMs: 1_000_000,
  silenceId: 'a',
  isAnnounced: true,
  absentSinceMs: undefined,
  cancelledBy: undefined,
  nowMs: 500_000,
};
const HELD: Silence = {
  id: 'a',
  state: 'active',
  comment: commentOf(whyOf(WISH), WISH.tag),
  createdBy: 'Anna',
  startsAtMs: 10,
  endsAtMs: 1_000_000,
  matchers: [...WISH.matchers].reverse(),
};
const LOST: Silence[] = [];

test.each<[string, Partial<Wish>, readonly Silence[], number, ReturnType<typeof planOf>]>([
  ['it holds', {}, [HELD], 0, { kind: 'keep' }],
  ['it was never made', { silenceId: undefined }, LOST, 0, { kind: 'ensure' }],
  ['Alertmanager lost it', {}, LOST, 0, { kind: 'ensure' }],
  ['its confirmation was lost', { silenceId: undefined }, [HELD], 0, { kind: 'ensure' }],
  ['there are two', {}, [HELD, { ...HELD, id: 'b' }], 0, { kind: 'ensure' }],
  ['it got another end', {}, [{ ...HELD, endsAtMs: 900_000 }], 0, { kind: 'ensure' }],
  ['somebody made it match more', {}, [{ ...HELD, matchers: [WISH.matchers[1]!] }], 0, { kind: 'ensure' }],
  [
    'somebody ended it in Alertmanager',
    {},
    [{ ...HELD, state: 'expired', endsAtMs: 400_000 }],
    0,
    { kind: 'end', reason: 'in Alertmanager' },
  ],
  [
    'the clock of Alertmanager is ahead',
    {},
    [{ ...HELD, state: 'expired' }],
    0,
    { kind: 'end', reason: 'time' },
  ],
  [
    'it ended, and was wanted again',
    { silenceId: undefined },
    [{ ...HELD, state: 'expired', endsAtMs: 400_000 }],
    0,
    { kind: 'ensure' },
  ],
  ['its time came', { nowMs: 1_000_000 }, [HELD], 3, { kind: 'end', reason: 'time' }],
  ['somebody ended it', { cancelledBy: 'Bob' }, [HELD], 3, { kind: 'end', reason: 'by hand' }],
])('%s', (_what, over, found, firing, step) => {
  expect(planOf({ ...WISH, ...over }, found, firing, 100_000)).toEqual(step);
});

describe('a resolved alert', () => {
  const wish: Wish = { ...WISH, kind: 'resolve', name: 'FlowStalled' };
  const held: Silence = { ...HELD, comment: commentOf(whyOf(wish), wish.tag) };
  test.each<[string, Partial<Wish>, number, ReturnType<typeof planOf>]>([
    ['fires', {}, 1, { kind: 'keep' }],
    ['is away', {}, 0, { kind: 'note', state: 'absent' }],
    ['is away for a moment', { absentSinceMs: 450_000 }, 0, { kind: 'keep' }],
    ['is back', { absentSinceMs: 450_000 }, 1, { kind: 'note', state: 'present' }],
    ['is over', { absentSinceMs: 400_000 }, 0, { kind: 'end', reason: 'cleared' }],
  ])('that %s', (_what, over, firing, step) => {
    expect(planOf({ ...wish, ...over }, [held], firing, 100_000)).toEqual(step);
  });
});

describe('what may be silenced', () => {
  const bundle = { alertname: 'FlowStalled', job: 'flowgauge', flow: 'tokens', severity: 'critical' };
  const watchdog = { alertname: 'Watchdog', severity: 'info', pipeline: 'watchdog' };
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.constantFrom('Watchdog', 'info', '', '.+'),
  );
  const name = fc.oneof(
    fc.string({ maxLength: 6 }),
    fc.constantFrom('alertname', 'severity', 'pipeline', '__proto__', 'job'),
  );

  it('is never everything, and never the sign of life', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, text), { maxLength: 12 }), (labels) => {
        const guarded = guardedMatchers(labels, 'Watchdog');
        if (!guarded.ok) return;
        expect(guarded.matchers.some(({ isEqual, value }) => isEqual && value !== '')).toBe(true);
        expect(isMatched({}, guarded.matchers)).toBe(false);
        expect(isMatched(watchdog, guarded.matchers)).toBe(false);
        const names = guarded.matchers.map((one) => one.name);
        expect(new Set(names).size).toBe(names.length);
      }),
      { numRuns: 5_000, seed: 5 },
    );
  });

  it('is what carries the labels, but for alerts about the way of the alerts', () => {
    const guarded = guardedMatchers([['job', 'flowgauge']], 'Watchdog');
    expect(guarded.ok).toBe(true);
    const matchers = guarded.ok ? guarded.matchers : [];
    expect(isMatched(bundle, matchers)).toBe(true);
    expect(isMatched({ ...bundle, job: 'other' }, matchers)).toBe(false);
    expect(isMatched({ ...bundle, pipeline: 'notifications' }, matchers)).toBe(false);
  });

  it('is never what says that planned work lasts too long, unless somebody names it', () => {
    const long = { alertname: 'MaintenanceLong', job: 'flowgauge', severity: 'warning', quiet: 'never' };
    const isQuiet = (name: string, value: string) => {
      const guarded = guardedMatchers([[name, value]], 'Watchdog');
      return guarded.ok && isMatched(long, guarded.matchers);
    };
    expect([isQuiet('job', 'flowgauge'), isQuiet('severity', 'warning')]).toEqual([false, false]);
    expect([isQuiet('alertname', 'MaintenanceLong'), isQuiet('quiet', 'never')]).toEqual([true, true]);
  });
});
