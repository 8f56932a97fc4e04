/** Owns the proof that captures which failed inside the application's statements are one gap, and exactness after it. */
import { describe, expect, it } from 'vitest';
import { install } from '../../src/changes/install.js';
import { faultsOf, journalOf, tableOf } from './captured.js';
import { drain, gapsOf, ON, round, watching } from './watching.js';

const THREE = `create table items (id int primary key, status text);
  insert into items values (1, 'a'), (2, 'a'), (3, 'b');`;

describe('a capture that failed inside the statements of the application', () => {
  it('is one gap when the journal was dropped and made again', async () => {
    const w = await watching(THREE);
    const reader = w.reader();
    await drain(reader);
    await w.sql.unsafe(`drop table ${tableOf(w.flow)}`);
    await w.sql`update items set status = 'b' where id = 1`;
    await w.sql`update items set status = 'a' where id = 1`;
    await expect(reader.step(ON)).rejects.toMatchObject({ code: '42P01' });
    await install(w.sql, w.flow, { maxRows: 1_000_000 });
    await w.sql`update items set status = 'c' where id = 3`;
    await round(reader);
    await round(reader);
    // Table and items agree; two moves were missed all the same.
    expect(await w.told()).toMatchObject({ moves: { 'b>c': 1 }, items: { a: 2, c: 1 }, gaps: 1 });
    expect(gapsOf(w.events)).toEqual(['capture_fault +0 -0 ~0']);
  });

  it('is one gap when the whole installation was made again, and its counter began anew', async () => {
    const w = await watching(THREE);
    const reader = w.reader();
    await drain(reader);
    await w.sql`select nextval('flowgauge_capture.items_faults') from generate_series(1, 3)`;
    await round(reader);
    await w.sql`drop schema flowgauge_capture cascade`;
    await w.sql`update items set status = 'b' where id = 1`;
    await w.sql`update items set status = 'a' where id = 1`;
    await install(w.sql, w.flow, { maxRows: 1_000_000 });
    await round(reader);
    expect(await w.told()).toMatchObject({ items: { a: 2, b: 1 }, gaps: 2 });
  });

  it('reaches the bound of the journal, is told, and counts exactly again once it is read empty', async () => {
    const w = await watching(THREE);
    const reader = w.reader();
    await drain(reader);
    await install(w.sql, w.flow, { maxRows: 1000 });
    for (let n = 0; n < 30; n += 1) {
      await w.sql`insert into items select ${n}::int * 100 + i + 10, 'a' from generate_series(1, 100) i`;
    }
    const held = (await journalOf(w.sql, w.flow)).length;
    const faults = await faultsOf(w.sql, w.flow);
    expect(faults).toBeGreaterThan(0);
    await round(reader);
    expect(await w.told()).toMatchObject({ moves: { 'none>a': held }, items: { a: 3002, b: 1 }, gaps: 1 });
    // The journal was empty by the end of that round: it runs again.
    await w.sql`update items set status = 'c' where id > 10`;
    await round(reader);
    expect(await w.told()).toMatchObject({
      moves: { 'none>a': held, 'a>c': 3000 },
      items: { a: 2, b: 1, c: 3000 },
      gaps: 1,
    });
    expect(await faultsOf(w.sql, w.flow)).toBe(faults);
  });

  it('is not caused by statements that were rolled back, however many ids they drew', async () => {
    const w = await watching(THREE);
    const reader = w.reader();
    await drain(reader);
    await install(w.sql, w.flow, { maxRows: 1000 });
    const drained = async () =>
      Number((await w.sql`select drained_id from flowgauge_capture.installation`)[0]!.drained_id);
    for (let n = 1; n <= 6; n += 1) {
      await w.sql
        .begin(async (tx) => {
          await tx`insert into items select i + 10, 'a' from generate_series(1, 500) i`;
          await tx`select 1/0`;
        })
        .catch(() => {});
      // A transaction of another test may be open at this moment.
      while ((await drained()) < n * 500) await reader.lookBehind(ON);
    }
    await w.sql`insert into items values (7, 'c')`;
    await round(reader);
    expect(await faultsOf(w.sql, w.flow)).toBe(0);
    expect(await w.told()).toMatchObject({ moves: { 'none>c': 1 }, gaps: 0 });
  });
});
