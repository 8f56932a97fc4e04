/** Owns a reader for the tests of a source: it folds what it reads into memory, and stores nothing. */
import type { BaselineRow, ChangeSource, Page } from '../../src/changes/change-source.js';
import { openJournal } from '../../src/changes/journal.js';
import { openPoll } from '../../src/changes/poll.js';
import type { Cursor } from '../../src/flows/cursor.js';
import { fold, type Item, type OrderedChange, pairOf } from '../../src/flows/tracker.js';
import { BOUNDS, ON, type Watching, watching } from './watching.js';

/** A table that every mode can watch. */
export const TABLE = `create table items (id int primary key, status text not null,
  updated timestamptz not null default clock_timestamp());`;
const PARTS = { updatedAt: 'updated' };

/** Public fields are what the follower knows by now. */
export class Follower {
  readonly items = new Map<string, Item>();
  readonly moves: Record<string, number> = {};
  broken = 0;
  cursor: Cursor | undefined;

  constructor(
    readonly watched: Watching,
    readonly source: ChangeSource,
    readonly pageSize = 1000,
  ) {}

  async baseline(): Promise<void> {
    const rows: BaselineRow[] = [];
    const unread: OrderedChange[] = [];
    const sink = {
      unread: async (changes: readonly OrderedChange[]) => void unread.push(...changes),
      rows: async (batch: readonly BaselineRow[]) => void rows.push(...batch),
    };
    this.cursor = await this.source.baseline(this.cursor, sink, ON);
    this.take(unread);
    this.items.clear();
    for (const { key, ...item } of rows) this.items.set(key, item);
  }

  async readOne(limit = this.pageSize): Promise<Page> {
    const page = await this.source.read(this.cursor!, limit, ON);
    this.take(page.changes);
    this.cursor = page.next;
    return page;
  }

  async readAll(): Promise<void> {
    while ((await this.readOne()).more);
  }

  get statuses(): Record<string, string> {
    return Object.fromEntries([...this.items].sort().map(([key, item]) => [key, item.status]));
  }

  private take(changes: readonly OrderedChange[]): void {
    const delta = fold(this.watched.flow, this.items, changes, BOUNDS);
    this.broken += delta.broken;
    for (const [pair, { count }] of delta.moves) {
      const name = pairOf(pair).join('>');
      this.moves[name] = (this.moves[name] ?? 0) + count;
    }
    for (const [key, item] of delta.items) {
      if (item === null) this.items.delete(key);
      else this.items.set(key, item);
    }
  }
}

/** A follower of a fresh table, its baseline taken. */
export async function follow(mode: 'journal' | 'poll', setup = TABLE, pageSize = 1000): Promise<Follower> {
  const watched = await watching(setup, PARTS, mode);
  const { source, flow } = watched;
  const opened =
    mode === 'journal' ? openJournal(source, flow) : openPoll(source, { ...flow, updatedAt: 'updated' });
  const follower = new Follower(watched, opened, pageSize);
  await follower.baseline();
  return follower;
}
