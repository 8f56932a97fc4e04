/** Proves planned work on a real Alertmanager: one silence per wish, whatever is lost, killed, edited or asked for twice. */
import { describe, expect, it } from 'vitest';
import { eventually } from '../harness/exporter.js';
import { plainAlertmanager } from '../notifications/chat.js';
import { freshStore } from '../notifications/relay.js';
import { startKeeper, TOKENS } from './keeper.js';

async function arena(more = '') {
  const { db, fresh } = await freshStore();
  const alertmanager = await plainAlertmanager();
  const one = startKeeper({ db, alertmanagerUrl: alertmanager.url, more, job: 'by hand' });
  const ends = () =>
    fresh.sql`select name, end_reason from flowgauge.maintenance_wishes where ended_at is not null order by id`;
  return { db, fresh, alertmanager, ends, ...one };
}

describe('maintenance', () => {
  it('is a silence with an owner, an end and a tag, and ends when it is ended', async () => {
    const it = await arena();
    const { wish, state } = await it.http.enable(TOKENS);
    expect(state).toBe('active');
    const [silence, ...others] = await it.alertmanager.silences();
    expect(others).toEqual([]);
    expect(silence).toMatchObject({
      createdBy: 'chief',
      comment: `Maintenance by chief: new disk [${wish.tag}]`,
    });
    expect(Math.abs(Date.parse(silence!.endsAt) - wish.untilMs)).toBeLessThan(2);
    expect(await it.samples('maintenance_active')).toEqual(new Map([['window="manual"', 1]]));
    expect(await it.samples('maintenance_silences')).toEqual(
      new Map([
        ['state="active"', 1],
        ['state="pending"', 0],
        ['state="ending"', 0],
      ]),
    );
    const until = (await it.samples('maintenance_until_timestamp_seconds')).get('window="manual"')!;
    expect(Math.abs(until - wish.untilMs / 1000)).toBeLessThan(0.01);
    expect(await it.http.disable('chief')).toMatchObject({ wishes: [{ id: wish.id }], state: 'ended' });
    expect(await it.alertmanager.silences()).toEqual([]);
    expect(await it.ends()).toEqual([{ name: 'manual', end_reason: 'by hand' }]);
    await it.look();
    expect(await it.samples('maintenance_active')).toEqual(new Map([['window="manual"', 0]]));
    expect(await it.samples('maintenance_until_timestamp_seconds')).toEqual(new Map());
  });

  it('asked for again is the same silence with the new end, also at the same moment', async () => {
    const it = await arena();
    const asked = [60, 90, 120, 30, 45].map((minutes) => it.http.enable({ ...TOKENS, minutes }));
    const [first] = await Promise.all(asked);
    const { wish } = await it.http.enable({
      ...TOKENS,
      minutes: 10,
      matchers: [...TOKENS.matchers].reverse(),
    });
    expect(wish.id).toBe(first!.wish.id);
    await it.look();
    const [silence, ...others] = await it.alertmanager.silences();
    expect(others).toEqual([]);
    expect(Math.abs(Date.parse(silence!.endsAt) - wish.untilMs)).toBeLessThan(2);
    expect(wish.untilMs - wish.nowMs).toBeLessThan(601_000);
  });

  it('that somebody ends in Alertmanager is over; that somebody edits there comes back', async () => {
    const it = await arena();
    const { wish } = await it.http.enable(TOKENS);
    const [made] = await it.alertmanager.silences();
    const edited = {
      ...{ id: made!.id, startsAt: made!.startsAt, createdBy: 'X', comment: made!.comment },
      endsAt: new Date(wish.untilMs + 3_600_000).toISOString(),
      matchers: [{ name: 'job', value: 'flowgauge', isEqual: true, isRegex: false }],
    };
    // The first condition stays, or nobody could find it among thousands.
    edited.matchers.push({ name: 'flow', value: 'tokens', isEqual: true, isRegex: false });
    await fetch(`${it.alertmanager.url}/api/v2/silences`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(edited),
    });
    await it.look();
    const [again, ...others] = await it.alertmanager.silences();
    expect(others).toEqual([]);
    expect(again!.matchers).toHaveLength(2);
    expect(again!.matchers.map(({ name }) => name).sort()).toEqual(['alertname', 'flow']);
    expect(Math.abs(Date.parse(again!.endsAt) - wish.untilMs)).toBeLessThan(2);
    await it.alertmanager.client.endSilence(again!.id);
    await it.look();
    expect(await it.ends()).toEqual([{ name: 'manual', end_reason: 'in Alertmanager' }]);
    await it.look();
    expect(await it.alertmanager.silences()).toEqual([]);
  });

  it('asked for while Alertmanager is away is kept, and made once when it is back', async () => {
    const it = await arena();
    await it.alertmanager.stop('SIGKILL');
    expect((await it.http.enable(TOKENS)).state).toBe('pending');
    expect(await it.samples('maintenance_silences')).toEqual(
      new Map([
        ['state="active"', 0],
        ['state="pending"', 1],
        ['state="ending"', 0],
      ]),
    );
    await expect(it.look()).rejects.toMatchObject({ code: 'ALERTMANAGER_FAILED' });
    await it.alertmanager.start();
    await it.look();
    expect(await it.alertmanager.silences()).toHaveLength(1);
    expect((await it.http.status()).wishes).toMatchObject([{ silenceId: expect.any(String) }]);
  });

  it('ended while Alertmanager is away is ended there when it is back', async () => {
    const it = await arena();
    await it.http.enable(TOKENS);
    // An orderly end: it writes what it knows to disk.
    await it.alertmanager.stop('SIGTERM');
    await it.http.disable('chief');
    await it.alertmanager.start();
    expect(await it.alertmanager.silences()).toHaveLength(1);
    await it.look();
    expect(await it.alertmanager.silences()).toEqual([]);
    expect(await it.ends()).toEqual([{ name: 'manual', end_reason: 'by hand' }]);
  });

  it('that an Alertmanager with an old memory brings back after its end is ended again', async () => {
    const it = await arena();
    await it.http.enable(TOKENS);
    await it.alertmanager.stop('SIGTERM');
    await it.alertmanager.start();
    await it.http.disable('chief');
    expect(await it.alertmanager.silences()).toEqual([]);
    await it.alertmanager.stop('SIGKILL');
    await it.alertmanager.start();
    expect(await it.alertmanager.silences()).toHaveLength(1);
    const another = startKeeper({ db: it.db, alertmanagerUrl: it.alertmanager.url, job: 'by hand' });
    await another.look();
    expect(await it.alertmanager.silences()).toEqual([]);
  });

  it('is wanted with an end in every case', async () => {
    const { fresh } = await freshStore();
    const insert = fresh.sql`
      insert into flowgauge.maintenance_wishes (tag, kind, name, matchers, matchers_key, owner, reason, starts_at, until)
      values ('t', 'maintenance', 'manual', '[]', 'k', 'x', '', now(), 'infinity')`;
    await expect(insert).rejects.toMatchObject({ code: '23514' });
  });
});

it('of two that hold the younger is ended', async () => {
  const it = await arena();
  const { wish } = await it.http.enable(TOKENS);
  const [first] = await it.alertmanager.silences();
  const { createdBy, comment, startsAt, endsAt, matchers } = first!;
  // As a request does that was carried out late.
  await fetch(`${it.alertmanager.url}/api/v2/silences`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ createdBy, comment, startsAt, endsAt, matchers }),
  });
  expect(await it.alertmanager.silences()).toHaveLength(2);
  await it.look();
  expect((await it.alertmanager.silences()).map(({ id }) => id)).toEqual([first!.id]);
  expect((await it.http.status()).wishes).toMatchObject([{ id: wish.id, silenceId: first!.id }]);
});

it('of two replicas one speaks to Alertmanager, both know, and the other goes on', async () => {
  const { db } = await freshStore();
  const alertmanager = await plainAlertmanager();
  let leader = 'a';
  const a = startKeeper({ db, alertmanagerUrl: alertmanager.url, isLeader: () => leader === 'a' });
  const b = startKeeper({ db, alertmanagerUrl: alertmanager.url, isLeader: () => leader === 'b' });
  expect(await b.http.enable(TOKENS)).toMatchObject({ state: 'active' });
  expect(await alertmanager.silences()).toHaveLength(1);
  for (const one of [a, b])
    await eventually(
      () => one.samples('maintenance_active'),
      (samples) => samples.get('window="manual"') === 1,
    );
  leader = 'b';
  await alertmanager.stop('SIGKILL');
  await alertmanager.start();
  expect(await alertmanager.silences()).toEqual([]);
  await eventually(
    () => alertmanager.silences(),
    (all) => all.length === 1,
  );
  // Alertmanager shows it before whoever made it has counted it.
  const recreated = () =>
    Promise.all(
      [a, b].map(async (one) => (await one.samples('maintenance_silences_recreated_total')).get('')),
    );
  expect(await eventually(recreated, (counts) => counts.some((count) => count !== 0))).toEqual([0, 1]);
  await a.http.disable('chief');
  expect(await alertmanager.silences()).toEqual([]);
});
