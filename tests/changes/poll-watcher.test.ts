/** Owns the proof of what polling promises through the reader: states at poll time, no invented gaps, and gauges that end right. */
import { describe, expect, it } from 'vitest';
import { openPoll } from '../../src/changes/poll.js';
import { drain, ON, rowsByStatus, watching } from './watching.js';

const ITEMS = `create table items (id int primary key, status text, updated timestamptz default clock_timestamp(), note text);
  insert into items values (1, 'a'), (2, 'a'), (3, 'b');`;
const PARTS = { updatedAt: 'updated' };

describe('polling', () => {
  it('counts the state at poll time as a move from the last one, and misses what went back in between', async () => {
    const w = await watching(ITEMS, PARTS, 'poll');
    const reader = w.reader();
    await drain(reader);
    expect(await w.told()).toMatchObject({ moves: {}, items: { a: 2, b: 1 } });
    await w.sql`update items set status = 'b', updated = clock_timestamp() where id = 1`;
    await w.sql`update items set status = 'c', updated = clock_timestamp() where id = 1`;
    await w.sql`update items set status = 'c', updated = clock_timestamp() where id = 2`;
    await w.sql`update items set status = 'a', updated = clock_timestamp() where id = 2`;
    await w.sql`insert into items values (4, 'b'), (5, 'zombie')`;
    await drain(reader);
    expect(await w.told()).toMatchObject({
      moves: { 'a>c': 1, 'none>b': 1, 'none>other': 1 },
      items: { a: 1, b: 2, c: 1, other: 1 },
      gaps: 0,
    });
  });

  it('stores nothing for rows that were written and did not move', async () => {
    const w = await watching(ITEMS, PARTS, 'poll');
    const reader = w.reader();
    await drain(reader);
    const version = async () => (await w.sql`select version from flowgauge.flow_state`)[0]!.version;
    const before = await version();
    for (let n = 0; n < 3; n += 1) {
      await w.sql`update items set note = ${n}, updated = clock_timestamp()`;
      await drain(reader);
    }
    expect(await version()).toBe(before);
  });

  it('takes the moment of a move from moved_at, not from the last touch of the row', async () => {
    const w = await watching(
      `create table items (id int primary key, status text, moved timestamptz, updated timestamptz);
       insert into items values (1, 'a', '2026-01-01 00:00:00', '2026-01-01 00:00:00');`,
      { ...PARTS, movedAt: 'moved' },
      'poll',
    );
    const reader = w.reader();
    await drain(reader);
    await w.sql`update items set status = 'b', moved = '2026-01-01 00:00:30', updated = '2026-01-01 09:00:00'`;
    await drain(reader);
    const [dwell] = await w.sql`select sum_us::float8 as us from flowgauge.flow_dwell`;
    expect(dwell!.us).toBe(30e6);
  });

  it('repairs deletes when they stay for two audits, and tells one gap', async () => {
    const w = await watching(ITEMS, PARTS, 'poll');
    const reader = w.reader();
    await drain(reader);
    await w.sql`delete from items where id = 1`;
    await drain(reader);
    const first = await reader.audit(ON);
    expect(first.repaired).toBe(false);
    expect(Object.fromEntries(first.drift)).toEqual({ a: -1, b: 0, c: 0 });
    expect((await reader.audit(ON)).repaired).toBe(true);
    expect((await reader.audit(ON)).repaired).toBe(false);
    expect(await w.told()).toMatchObject({ moves: {}, items: await rowsByStatus(w.sql), gaps: 1 });
  });

  it('takes what the next poll will see for no difference, however often an audit finds it', async () => {
    const w = await watching(ITEMS, PARTS, 'poll');
    const reader = w.reader();
    await drain(reader);
    for (let n = 10; n < 15; n += 1) {
      await w.sql`insert into items values (${n}, 'b')`;
      await w.sql`update items set status = 'c', updated = clock_timestamp() where id = 1`;
      const audit = await reader.audit(ON);
      expect(Object.fromEntries(audit.drift)).toEqual({ a: 0, b: 0, c: 0 });
    }
    await drain(reader);
    expect(await w.told()).toMatchObject({ moves: { 'none>b': 5, 'a>c': 1 }, gaps: 0 });
  });

  it('repairs without losing the moves that no poll has seen yet', async () => {
    const w = await watching(ITEMS, PARTS, 'poll');
    const reader = w.reader();
    await drain(reader);
    await w.sql`delete from items where id = 2`;
    await reader.audit(ON);
    await w.sql`update items set status = 'c', updated = clock_timestamp() where id = 1`;
    await w.sql`insert into items select n, 'b' from generate_series(100, 12099) n`;
    expect((await reader.audit(ON)).repaired).toBe(true);
    await drain(reader);
    expect(await w.told()).toMatchObject({
      moves: { 'a>c': 1, 'none>b': 12_000 },
      items: { b: 12_001, c: 1 },
      gaps: 1,
    });
  });

  it('never repairs on a difference it could not look into', async () => {
    const w = await watching(ITEMS, PARTS, 'poll');
    const poll = openPoll(w.source, { ...w.flow, updatedAt: 'updated' });
    const reader = w.reader({
      source: { ...poll, census: async (cursor) => ({ ...(await poll.census(cursor)), unread: undefined }) },
    });
    await drain(reader);
    await w.sql`delete from items where id = 2`;
    for (let n = 0; n < 3; n += 1) expect((await reader.audit(ON)).repaired).toBe(false);
  });
});
