/** Owns what the tests of the reader share: a watched table with its store, readers over it, and what an operator would see. */
import { onTestFinished } from 'vitest';
import { openJournal } from '../../src/changes/journal.js';
import { openPoll } from '../../src/changes/poll.js';
import { Turns } from '../../src/changes/turns.js';
import type { WatcherEvent } from '../../src/changes/watch-report.js';
import { FlowWatcher, type WatcherOptions } from '../../src/changes/watcher.js';
import type { Flow } from '../../src/flows/flow.js';
import { type Database, openDatabase } from '../../src/storage/database.js';
import { loadTotals } from '../../src/storage/flow-totals.js';
import { migrate } from '../../src/storage/migrations.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';
import { flowOf, watch } from './captured.js';

/** Never aborted. */
export const ON = new AbortController().signal;
/** Upper bounds of the dwell times, seconds. */
export const BOUNDS = [1, 60];

/** What the store says about a flow, as the series print it. */
export interface Told {
  /** `from>to` → count, zero pairs left out. */
  readonly moves: Readonly<Record<string, number>>;
  /** status → items, empty ones left out. */
  readonly items: Readonly<Record<string, number>>;
  /** `status>to` → completed stays. */
  readonly stays: Readonly<Record<string, number>>;
  readonly gaps: number;
}

/** A watched table, and readers over it. */
export interface Watching extends FreshDatabase {
  readonly flow: Flow;
  readonly source: Database;
  readonly store: Database;
  readonly events: WatcherEvent[];
  /** A reader of its own, as another process would have one. */
  reader(options?: Partial<WatcherOptions>): FlowWatcher;
  told(): Promise<Told>;
  /** Key → status of every item the store holds. */
  items(): Promise<Record<string, string>>;
}

/** Runs `setup`, installs the journal when the mode asks for it, and migrates a store in the same database. */
export async function watching(
  setup: string,
  parts: Partial<Flow> = {},
  mode: 'journal' | 'poll' = 'journal',
): Promise<Watching> {
  const database = await freshDatabase();
  const source = openDatabase({ url: database.url, role: 'source', max: 4, applicationName: 'test' });
  const store = openDatabase({ url: database.url, role: 'store', max: 4, applicationName: 'test' });
  onTestFinished(async () => {
    await Promise.all([source.close(500), store.close(500)]);
    await database.drop();
  });
  const flow = mode === 'journal' ? await watch(database.sql, setup, parts) : flowOf(parts);
  if (mode === 'poll') await database.sql.unsafe(setup);
  await migrate(store, { deadlineMs: 20_000 });
  const events: WatcherEvent[] = [];
  const scans = new Turns(2);
  return {
    ...database,
    flow,
    source,
    store,
    events,
    reader: (options = {}) =>
      new FlowWatcher({
        flow,
        mode,
        source:
          mode === 'journal'
            ? openJournal(source, flow)
            : openPoll(source, { ...flow, updatedAt: 'updated' }),
        store,
        boundsSeconds: BOUNDS,
        pageSize: 1000,
        scans,
        failpoint: () => {},
        report: (event) => events.push(event),
        ...options,
      }),
    told: () => toldOf(store, flow.name),
    async items() {
      const rows = await database.sql<{ key: string; status: string }[]>`
        select key, status from flowgauge.flow_items where flow = ${flow.name} order by key`;
      return Object.fromEntries(rows.map((r) => [r.key, r.status]));
    },
  };
}

/** What the store says now. */
export async function toldOf(store: Database, name: string): Promise<Told> {
  const totals = (await loadTotals(store)).get(name);
  if (totals === undefined) return { moves: {}, items: {}, stays: {}, gaps: 0 };
  const some = (pairs: (readonly [string, number])[]) => Object.fromEntries(pairs.filter(([, n]) => n !== 0));
  return {
    moves: some(totals.moves.map((m) => [`${m.from}>${m.to}`, m.count] as const)),
    items: some([...totals.population]),
    stays: some(
      totals.dwell.map((d) => [`${d.status}>${d.to}`, d.buckets.reduce((a, b) => a + b, 0)] as const),
    ),
    gaps: totals.gaps,
  };
}

/** Reads until nothing is known to wait. */
export async function drain(watcher: FlowWatcher): Promise<void> {
  while ((await watcher.step(ON)) !== 'idle');
}

/** Rows per status of the table, as SQL counts them. */
export async function rowsByStatus(
  sql: FreshDatabase['sql'],
  table = 'items',
  column = 'status',
): Promise<Record<string, number>> {
  const rows = await sql.unsafe<{ s: string; n: number }[]>(
    `select coalesce(${column}::text, 'null') as s, count(*)::int as n from ${table} group by 1`,
  );
  return Object.fromEntries(rows.map((r) => [r.s, r.n]));
}

/** What the runner does after each read. */
export async function round(reader: FlowWatcher): Promise<void> {
  await drain(reader);
  await reader.lookBehind(ON);
  if (reader.wantsAudit) await reader.audit(ON);
}

/** Every gap that was told: reason, and items added, removed, moved by its repair. */
export function gapsOf(events: readonly WatcherEvent[]): string[] {
  return events.flatMap((e) =>
    e.kind === 'gap' ? [`${e.reason} +${e.added} -${e.removed} ~${e.moved}`] : [],
  );
}
