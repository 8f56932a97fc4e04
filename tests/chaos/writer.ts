/** Owns the application of the crash tests: it moves items at random and keeps its own record of every commit. */
import postgres from 'postgres';

export const CHAOS_TABLE = 'public.chaos_items';
const LARGEST_LANE = 500;
export const CHAOS_STATUSES = ['new', 'open', 'done'] as const;

/** What was committed, counted outside the product. Keys are `from>to`. */
export interface Record {
  readonly moves: Map<string, number>;
  readonly living: Map<string, string>;
}

/** A running writer. */
export interface Writer {
  readonly record: Record;
  /** Ends after the transaction under way. */
  stop(): Promise<void>;
}

/** Creates the table that is watched. */
export async function createChaosTable(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await sql.unsafe(
    `create table if not exists ${CHAOS_TABLE} (id text primary key,
       status text not null check (status in ('new', 'open', 'done')), moved_at timestamptz not null default now())`,
  );
  await sql.end();
}

/** Starts `lanes` connections of random work: arrivals, single moves, batches, key changes, deletes, roll-backs. */
export function startWriter(url: string, random: () => number, lanes: number): Writer {
  const sql = postgres(url, { max: lanes, onnotice: () => {} });
  const record: Record = { moves: new Map(), living: new Map() };
  let running = true;
  let next = 0;
  const lane = async (number: number) => {
    // Each lane owns its items, so that the record needs no locks and the database still sees them interleaved.
    const mine = new Map<string, string>();
    while (running) {
      const work = plan(mine, random, () => `${number}-${next++}`);
      const rollsBack = random() < 0.05;
      try {
        await sql.begin(async (tx) => {
          for (const statement of work.statements) await tx.unsafe(statement);
          if (rollsBack) throw new RolledBack();
        });
      } catch (error) {
        if (error instanceof RolledBack) continue;
        throw error;
      }
      for (const [from, to] of work.moves) bump(record.moves, `${from}>${to}`);
      for (const [id, status] of work.after) {
        if (status === undefined) {
          mine.delete(id);
          record.living.delete(id);
        } else {
          mine.set(id, status);
          record.living.set(id, status);
        }
      }
      await new Promise((resolve) => setTimeout(resolve, random() * 4));
    }
  };
  const all = Promise.all(Array.from({ length: lanes }, (_, number) => lane(number)));
  // Without this a failing lane would end the test run before anybody awaits `stop`.
  all.catch(() => undefined);
  return {
    record,
    async stop() {
      running = false;
      await all;
      await sql.end({ timeout: 5 });
    },
  };
}

class RolledBack extends Error {}

interface Work {
  readonly statements: string[];
  readonly moves: (readonly [string, string])[];
  readonly after: Map<string, string | undefined>;
}

function plan(mine: ReadonlyMap<string, string>, random: () => number, newId: () => string): Work {
  const work: Work = { statements: [], moves: [], after: new Map() };
  const dice = random();
  // Without a bound a long run would end up measuring baselines of a huge table.
  if (mine.size > LARGEST_LANE) removeOne(work, mine, random);
  else if (mine.size === 0 || dice < 0.25) insertSome(work, 1 + Math.floor(random() * 5), newId);
  else if (dice < 0.75) moveOne(work, mine, random);
  else if (dice < 0.85) moveAll(work, mine, random);
  else if (dice < 0.93) removeOne(work, mine, random);
  else rename(work, mine, random, newId);
  return work;
}

function insertSome(work: Work, count: number, newId: () => string): void {
  const ids = Array.from({ length: count }, newId);
  work.statements.push(
    `insert into ${CHAOS_TABLE} (id, status) values ${ids.map((id) => `('${id}', 'new')`).join(', ')}`,
  );
  for (const id of ids) {
    work.moves.push(['none', 'new']);
    work.after.set(id, 'new');
  }
}

/** Two or three moves of one item in one transaction, a touch without a move among them. */
function moveOne(work: Work, mine: ReadonlyMap<string, string>, random: () => number): void {
  const [id, status] = pick(mine, random);
  let from = status;
  for (let step = 0; step < 1 + Math.floor(random() * 3); step += 1) {
    const to = CHAOS_STATUSES[Math.floor(random() * CHAOS_STATUSES.length)]!;
    work.statements.push(`update ${CHAOS_TABLE} set status = '${to}', moved_at = now() where id = '${id}'`);
    if (to !== from) work.moves.push([from, to]);
    from = to;
  }
  work.after.set(id, from);
}

function moveAll(work: Work, mine: ReadonlyMap<string, string>, random: () => number): void {
  const ids = [...mine.keys()].filter(() => random() < 0.3).slice(0, 50);
  if (ids.length === 0) return;
  work.statements.push(
    `update ${CHAOS_TABLE} set status = 'done' where id in (${ids.map((id) => `'${id}'`).join(', ')})`,
  );
  for (const id of ids) {
    const from = mine.get(id)!;
    if (from !== 'done') work.moves.push([from, 'done']);
    work.after.set(id, 'done');
  }
}

function removeOne(work: Work, mine: ReadonlyMap<string, string>, random: () => number): void {
  const [id, status] = pick(mine, random);
  work.statements.push(`delete from ${CHAOS_TABLE} where id = '${id}'`);
  work.moves.push([status, 'none']);
  work.after.set(id, undefined);
}

/** A change of the key is a departure and an arrival. */
function rename(
  work: Work,
  mine: ReadonlyMap<string, string>,
  random: () => number,
  newId: () => string,
): void {
  const [id, status] = pick(mine, random);
  const to = newId();
  work.statements.push(`update ${CHAOS_TABLE} set id = '${to}' where id = '${id}'`);
  work.moves.push([status, 'none'], ['none', status]);
  work.after.set(id, undefined);
  work.after.set(to, status);
}

function pick(mine: ReadonlyMap<string, string>, random: () => number): readonly [string, string] {
  return [...mine][Math.floor(random() * mine.size)]!;
}

function bump(map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}
