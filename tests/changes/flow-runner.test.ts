/** Owns the proof of the choice of a mode with its reason, and of when a flow does what. */
import { describe, expect, it } from 'vitest';
import type { RunnerEvent } from '../../src/changes/flow-runner.js';
import { install } from '../../src/changes/install.js';
import { running } from './running.js';
import { ON, toldOf, watching } from './watching.js';

const ITEMS = `create table items (id int primary key, status text, updated timestamptz default clock_timestamp());
  insert into items values (1, 'a'), (2, 'b');`;

function openings(events: readonly RunnerEvent[]): string[] {
  return events.flatMap((e) => (e.kind === 'opened' ? [`${e.mode}: ${e.why}`] : []));
}

describe('the mode', () => {
  it('is the journal where it is installed', async () => {
    const { runner, events } = running(await watching(ITEMS));
    await runner.tick(ON);
    expect(openings(events)).toEqual(['journal: its triggers are installed']);
  });

  it('is polling without a journal, and counting rows without a changed-at column, each with the remedy', async () => {
    const w = await watching(ITEMS, {}, 'poll');
    const polled = running(w, { updatedAt: 'updated' });
    await polled.runner.tick(ON);
    const counted = running(w);
    expect(await counted.runner.tick(ON)).toBe(60_000);
    const remedy = 'for exact counts Run: flowgauge install --apply (state of the triggers: missing)';
    expect(openings(polled.events)).toEqual([`poll: no journal; ${remedy}`]);
    expect(openings(counted.events)).toEqual([`snapshot: no journal and no updated_at column; ${remedy}`]);
    expect(counted.events.map((e) => e.kind)).toEqual(['opened', 'counted']);
  });

  it('stays the journal while a new partition is not captured, says so, and audits what is written to it', async () => {
    const w = await watching(
      `create table items (id int primary key, status text) partition by range (id);
       create table items_1 partition of items for values from (0) to (100);`,
    );
    await w.sql`create table items_2 partition of items for values from (100) to (200)`;
    const { runner, events, rounds, clock } = running(w, { capture: 'journal' });
    await rounds();
    const [why] = openings(events);
    expect(why).toMatch(
      /^journal: .*public\.items_2 is not captured when written to by name.*install --apply/,
    );
    await w.sql`insert into items values (1, 'a'), (101, 'a')`;
    await w.sql`insert into items_2 values (102, 'b')`;
    clock.ms += 60_000;
    await rounds();
    expect(await toldOf(w.store, 'items')).toMatchObject({
      moves: { 'none>a': 2 },
      items: { a: 2, b: 1 },
      gaps: 1,
    });
    expect(runner.mode).toBe('journal');
  });

  it('is refused where it cannot work, with every problem and its remedy', async () => {
    const w = await watching('create table items (id int, status text, at int)', {}, 'poll');
    const { runner } = running(w, { capture: 'journal', status: 'stauts', updatedAt: 'at', key: ['id'] });
    const error = await runner.tick(ON).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'FLOW_REFUSED' });
    const paths = (error as { problems: { path: string; remedy: string }[] }).problems;
    expect(paths.map((p) => p.path).sort()).toEqual([
      'flows.items.key',
      'flows.items.key',
      'flows.items.status',
      'flows.items.updated_at',
    ]);
    for (const { remedy } of paths) expect((error as Error).message).toContain(remedy);
    const bare = running(w, { capture: 'journal', status: 'status', key: ['id'] });
    await w.sql`alter table items add primary key (id)`;
    await expect(bare.runner.tick(ON)).rejects.toThrow(
      'flows.items.capture: the journal is not installed. Run: flowgauge install --apply',
    );
    const poll = running(w, { capture: 'poll' });
    await expect(poll.runner.tick(ON)).rejects.toThrow('Set updated_at');
  });

  it('changes at once when the journal is gone, and comes back when it is made again', async () => {
    const w = await watching(ITEMS);
    const { runner, rounds, clock } = running(w, { updatedAt: 'updated' });
    await rounds();
    await w.sql`drop schema flowgauge_capture cascade`;
    await expect(rounds()).rejects.toMatchObject({ code: '42P01' });
    await rounds();
    expect(runner.mode).toBe('poll');
    await w.sql`insert into items values (3, 'c')`;
    await rounds();
    await install(w.sql, w.flow, { maxRows: 1_000_000 });
    clock.ms += 60_000;
    await rounds();
    expect(runner.mode).toBe('journal');
    await w.sql`update items set status = 'c' where id = 1`;
    await rounds();
    expect(await toldOf(w.store, 'items')).toMatchObject({
      moves: { 'none>c': 1, 'a>c': 1 },
      items: { b: 1, c: 2 },
      gaps: 2,
    });
  });
});

describe('a while without the journal', () => {
  it('is a gap also when the table looks as before', async () => {
    const w = await watching(ITEMS);
    const { runner, events, rounds, clock } = running(w);
    await rounds();
    await w.sql`drop schema flowgauge_capture cascade`;
    await expect(runner.tick(ON)).rejects.toMatchObject({ code: '42P01' });
    await runner.tick(ON);
    expect(runner.mode).toBe('snapshot');
    await w.sql`update items set status = 'c' where id = 1`;
    await w.sql`update items set status = 'a' where id = 1`;
    await install(w.sql, w.flow, { maxRows: 1_000_000 });
    clock.ms += 60_000;
    await rounds();
    expect(events.flatMap((e) => (e.kind === 'gap' ? [e.reason] : []))).toEqual(['mode_changed']);
    expect(await toldOf(w.store, 'items')).toMatchObject({ moves: {}, items: { a: 1, b: 1 }, gaps: 1 });
  });
});

describe('a flow that does not lead', () => {
  it('writes nothing, shows what waits, and reads the state anew when it leads', async () => {
    const w = await watching(ITEMS);
    const [one, two] = [running(w), running(w)];
    await one.rounds();
    await two.rounds();
    two.clock.leads = false;
    await w.sql`update items set status = 'c' where id = 1`;
    two.clock.ms += 1_000;
    await two.rounds();
    expect(two.events.flatMap((e) => (e.kind === 'backlog' ? [e.backlog.entries] : []))).toEqual([0, 1]);
    expect((await toldOf(w.store, 'items')).moves).toEqual({});
    await one.rounds();
    two.clock.leads = true;
    await w.sql`update items set status = 'b' where id = 1`;
    // With what it knew before, its first write would be refused as stale.
    await two.rounds();
    expect(await toldOf(w.store, 'items')).toMatchObject({ moves: { 'a>c': 1, 'c>b': 1 }, items: { b: 2 } });
  });
});

describe('audits', () => {
  it('come at their interval, out of turn after an event, and never in a row', async () => {
    const w = await watching(ITEMS);
    const { events, rounds, clock } = running(w);
    const audits = () => events.filter((e) => e.kind === 'audited').length;
    await rounds();
    expect(audits()).toBe(1);
    for (let n = 0; n < 3; n += 1) {
      await w.sql`truncate items`;
      await w.sql`insert into items values (1, 'a')`;
      await rounds();
    }
    expect(audits()).toBe(1);
    clock.ms += 2_000;
    await rounds();
    expect(audits()).toBe(2);
    clock.ms += 58_000;
    await rounds();
    expect(audits()).toBe(2);
    clock.ms += 2_000;
    await rounds();
    expect(audits()).toBe(3);
  });

  it('that fail are tried again soon, and the journal is read meanwhile', async () => {
    const w = await watching(ITEMS);
    const { rounds, clock, events } = running(w);
    await rounds();
    await w.sql`alter table flowgauge.flow_population rename to mislaid`;
    clock.ms += 60_000;
    await expect(rounds()).rejects.toMatchObject({ code: '42P01' });
    await w.sql`alter table flowgauge.mislaid rename to flow_population`;
    await w.sql`update items set status = 'c'`;
    await rounds();
    expect((await toldOf(w.store, 'items')).moves).toEqual({ 'a>c': 1, 'b>c': 1 });
    clock.ms += 2_000;
    await rounds();
    expect(events.filter((e) => e.kind === 'audited')).toHaveLength(2);
  });
});
