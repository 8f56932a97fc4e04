/** Proves that an alert which comes back with the start that it had is told again, and that old words said late are not. */
import { describe, expect, it, test } from 'vitest';
import type { AlertBatch } from '../../src/alerts/alert.js';
import { takeIn } from '../../src/notifications/intake.js';
import { endedBatches } from '../../src/notifications/manual-end.js';
import { placeOf } from '../../src/notifications/occurrences.js';
import { eventually } from '../harness/exporter.js';
import { account, batch, fakeTelegram, freshStore, type SentAlert, startRelay } from './relay.js';
import { alertOf, mark, startTwoWays } from './two-ways.js';

const CHAT = '100';
const START = '2026-01-02T03:00:00Z';

/** The group as Alertmanager tells it; every end in it is at this moment. */
function said(alerts: readonly SentAlert[], endsAt = '2026-01-02T03:10:00Z'): AlertBatch {
  const told = batch(alerts.map((alert) => ({ startsAt: START, ...alert })));
  const endsAtMs = Date.parse(endsAt);
  return {
    ...told,
    alerts: told.alerts.map((alert) => (alert.status === 'resolved' ? { ...alert, endsAtMs } : alert)),
  };
}

async function arena() {
  const { db, fresh } = await freshStore();
  const telegram = await fakeTelegram();
  const { relay } = startRelay({ db, telegram });
  return {
    db,
    fresh,
    telegram,
    relay,
    tell: (told: AlertBatch) => relay.http.takeIn(told, undefined),
    sent: (events: number) =>
      eventually(
        () => account(fresh),
        (a) => a.sent === events && a.queued === undefined,
      ),
    texts: () => telegram.messages(CHAT).map(({ text }) => text),
    /** What the group has as firing, and its events as they came in. */
    firing: async () => (await fresh.sql`select firing from flowgauge.alert_groups`)[0]!.firing as string[],
    history: () =>
      relay.http.history({
        alertname: undefined,
        status: undefined,
        sinceMs: undefined,
        untilMs: undefined,
        limit: 100,
      }),
  };
}

test('an alert that Alertmanager let end and got back with its old start rings again, and its end is told', async () => {
  const it = await arena();
  await it.tell(said([{}]));
  await it.sent(1);
  await it.tell(said([{ status: 'resolved' }]));
  await it.sent(2);
  expect(await it.tell(said([{}]))).toEqual({ stored: 1, repeats: 0 });
  await it.sent(3);
  const [first, second, ...others] = it.texts();
  expect(others).toEqual([]);
  expect(first).toContain('resolved: FlowStalled');
  expect(second).toContain('1 firing');
  expect(it.telegram.messages(CHAT)[1]!.silent).toBe(false);
  // Repeated, and by another Alertmanager: no further message.
  const again = await Promise.all([it.tell(said([{}])), it.tell(said([{}]))]);
  expect(again).toEqual([
    { stored: 0, repeats: 1 },
    { stored: 0, repeats: 1 },
  ]);
  expect(await it.tell(said([{ status: 'resolved' }], '2026-01-02T03:40:00Z'))).toEqual({
    stored: 1,
    repeats: 0,
  });
  await it.sent(4);
  expect(it.texts()).toHaveLength(2);
  expect(it.texts()[1]).toContain('resolved: FlowStalled');
  expect(await it.tell(said([{ status: 'resolved' }], '2026-01-02T03:40:00Z'))).toMatchObject({ stored: 0 });
  // Ten minutes, and thirty from there: no minute counts twice.
  const { events, mean_time_to_resolve_seconds: mean } = await it.history();
  expect(mean).toBe(20 * 60);
  expect(
    events.map(({ status, starts_at: from, ends_at: to }) => [
      status,
      Date.parse(String(from)),
      to === null ? null : Date.parse(String(to)),
    ]),
  ).toEqual([
    ['resolved', Date.UTC(2026, 0, 2, 3, 10), Date.UTC(2026, 0, 2, 3, 40)],
    ['firing', Date.UTC(2026, 0, 2, 3, 10), null],
    ['resolved', Date.UTC(2026, 0, 2, 3, 0), Date.UTC(2026, 0, 2, 3, 10)],
    ['firing', Date.UTC(2026, 0, 2, 3, 0), null],
  ]);
});

test('it comes back a third time, and beside others that never ended', async () => {
  const it = await arena();
  const other = { fingerprint: 'other' };
  await it.tell(said([{}, other]));
  await it.sent(2);
  for (const [end, events] of [
    ['2026-01-02T03:10:00Z', 4],
    ['2026-01-02T03:20:00Z', 6],
  ] as const) {
    await it.tell(said([{ status: 'resolved' }, other], end));
    await it.sent(events - 1);
    expect(await it.tell(said([{}, other]))).toEqual({ stored: 1, repeats: 1 });
    await it.sent(events);
  }
  const bells = it.texts().filter((text) => text.includes('1 more firing'));
  expect(bells).toHaveLength(2);
  expect((await it.firing()).sort()).toEqual(['fp0', 'other']);
});

test('what was said before an end and arrives after it changes nothing', async () => {
  const it = await arena();
  await it.tell(said([{}]));
  await it.sent(1);
  const arrivedMs = performance.now();
  await it.tell(said([{ status: 'resolved' }]));
  await it.sent(2);
  const options = {
    targets: [{ channel: 'telegram', chat: CHAT, thread: 0 }],
    ttlMs: 60_000,
    watchdog: 'Watchdog',
    requestId: undefined,
  };
  // A request that waited in a queue of ours, as after a freeze of the process.
  const late = await takeIn(it.db, said([{}]), { ...options, arrivedMs });
  expect(late).toMatchObject({ stored: [], repeats: 1 });
  expect(await it.firing()).toEqual([]);
  const prompt = await takeIn(it.db, said([{}]), { ...options, arrivedMs: performance.now() });
  expect(prompt.stored).toHaveLength(1);
  expect(await it.firing()).toEqual(['fp0']);
  // The end after which it came back, from a second Alertmanager.
  expect(await it.tell(said([{ status: 'resolved' }]))).toEqual({ stored: 0, repeats: 1 });
  expect(await it.firing()).toEqual(['fp0']);
});

test('a word of our own ends its alerts and no others, under the lock of the group, with the name of who said it', async () => {
  const it = await arena();
  await it.tell(said([{ fingerprint: 'a' }, { fingerprint: 'b' }]));
  const endedAtMs = Date.parse('2026-01-02T03:05:00Z');
  const words = await endedBatches(it.db, new Set(['a', 'b']), endedAtMs, 'chief');
  const others = await endedBatches(it.db, new Set(['b']), endedAtMs + 60_000, 'another, a moment later');
  // Between the reading and the telling: one ends by Alertmanager's word, and another joins.
  await it.tell(said([{ fingerprint: 'a', status: 'resolved' }, { fingerprint: 'b' }, { fingerprint: 'c' }]));
  for (const word of [...words, ...others]) await it.tell(word);
  expect(await it.firing()).toEqual(['c']);
  const ends = await it.fresh.sql`
    select fingerprint, resolved_by, (extract(epoch from ends_at) * 1000)::float8 as ends_ms
      from flowgauge.alert_events where status = 'resolved' order by fingerprint`;
  expect([...ends]).toEqual([
    { fingerprint: 'a', resolved_by: null, ends_ms: Date.parse('2026-01-02T03:10:00Z') },
    { fingerprint: 'b', resolved_by: 'chief', ends_ms: endedAtMs },
  ]);
  // What fires still is news again, however often it is called resolved, and so is its true end.
  const both = said([{ fingerprint: 'b' }, { fingerprint: 'c' }]);
  expect(await it.tell(both)).toEqual({ stored: 1, repeats: 1 });
  for (const word of await endedBatches(it.db, new Set(['b']), endedAtMs + 120_000, 'chief'))
    expect(await it.tell(word)).toEqual({ stored: 1, repeats: 0 });
  expect(await it.tell(both)).toEqual({ stored: 1, repeats: 1 });
  expect(await it.tell(said([{ fingerprint: 'b', status: 'resolved' }, { fingerprint: 'c' }]))).toEqual({
    stored: 1,
    repeats: 1,
  });
  const named = await it.fresh.sql`
    select resolved_by from flowgauge.alert_events where status = 'resolved' and fingerprint = 'b' order by starts_at`;
  expect(named.map((row) => row.resolved_by)).toEqual(['chief', 'chief', null]);
});

test('the true end of an alert that somebody called resolved is told, also when nobody said in between that it fires', async () => {
  const it = await arena();
  await it.tell(said([{}]));
  await it.sent(1);
  const endedAtMs = Date.parse('2026-01-02T03:05:00Z');
  for (const word of await endedBatches(it.db, new Set(['fp0']), endedAtMs, 'chief')) await it.tell(word);
  await it.sent(2);
  expect(it.texts()[0]).toContain('resolved: FlowStalled');
  const known = it.texts()[0];
  const end = said([{ status: 'resolved' }], '2026-01-02T04:05:00Z');
  expect(await it.tell(end)).toEqual({ stored: 1, repeats: 0 });
  expect(await it.tell(end)).toEqual({ stored: 0, repeats: 1 });
  await it.sent(3);
  expect(it.texts()).toHaveLength(1);
  expect(it.texts()[0]).not.toBe(known);
  expect(it.texts()[0]).toContain('2 resolved');
  expect((await it.history()).mean_time_to_resolve_seconds).toBe((65 * 60) / 2);
});

test('a real Alertmanager that heard nothing for a while: the end is told, and the alert again when it is back', async () => {
  const { alertmanager, ours, fresh } = await startTwoWays();
  const word = mark();
  const startsAt = new Date(Date.now() - 60_000).toISOString();
  // As Prometheus posts it: it counts as over when nothing more is heard until then.
  const posted = (forMs: number) =>
    alertmanager.post([
      { ...alertOf('Cut', word), startsAt, endsAt: new Date(Date.now() + forMs).toISOString() },
    ]);
  await posted(3_000);
  await eventually(
    async () => ours.messages(CHAT),
    (all) => all.length === 1 && all[0]!.text.includes('resolved'),
    60_000,
  );
  await posted(3_600_000);
  const [, second] = await eventually(
    async () => ours.messages(CHAT),
    (all) => all.length === 2,
    60_000,
  );
  expect(second!.text).toContain(word);
  expect(second!.text).toContain('1 firing');
  const starts = await fresh.sql`
    select distinct to_char(coalesce(sent_starts_at, starts_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as sent
      from flowgauge.alert_events`;
  expect(starts.map(({ sent }) => sent)).toEqual([startsAt]);
}, 150_000);

describe('a word about an alert', () => {
  const firing = { status: 'firing', startsAtMs: 1_000, endsAtMs: undefined } as const;
  const resolved = { status: 'resolved', startsAtMs: 1_000, endsAtMs: 5_000 } as const;
  const open = { startsAtMs: 1_000, end: undefined };
  const over = { startsAtMs: 1_000, end: { atMs: 4_000.4, storedAgoMs: 300, by: 'Alertmanager' } } as const;
  const called = { startsAtMs: 1_000, end: { ...over.end, by: 'somebody' } } as const;
  const back = { startsAtMs: 5_000, end: undefined };

  it.each([
    ['the first', firing, undefined, false, 0, 1_000, false],
    ['a repeat', firing, open, true, 0, 1_000, false],
    ['one that was muted for a while', firing, open, false, 0, 1_000, false],
    ['its end', resolved, open, true, 0, 1_000, false],
    ['its end again', resolved, over, false, 0, 1_000, false],
    ['its true end after somebody called it resolved', resolved, called, false, 0, 4_000, false],
    [
      'its end before somebody called it resolved',
      { ...resolved, endsAtMs: 3_000 },
      called,
      false,
      0,
      1_000,
      false,
    ],
    ['it is back', firing, over, false, 299, 4_000, false],
    ['it was said before the end was known', firing, over, false, 301, 1_000, true],
    [
      'an end without a length',
      firing,
      { ...over, end: { ...over.end, atMs: 1_000 } },
      false,
      0,
      1_001,
      false,
    ],
    ['a repeat after it came back', firing, back, true, 0, 5_000, false],
    ['the end before it came back', resolved, back, true, 0, 1_000, true],
    ['the end after it came back', { ...resolved, endsAtMs: 9_000 }, back, true, 0, 5_000, false],
  ] as const)('%s', (_what, alert, known, isFiring, waitedMs, startsAtMs, isLate) => {
    expect(placeOf(alert, known, isFiring, waitedMs)).toEqual({ startsAtMs, isLate });
  });
});
