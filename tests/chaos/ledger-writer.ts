/** Owns the application of the fault tests: each statement moves an item and, in the same transaction, writes a ledger. */
import postgres from 'postgres';
import { pause } from '../harness/processes.js';

export const FAULT_TABLE = 'public.fault_items';

/** What SQL itself says: committed moves by `from>to`, and living items by status. */
export interface Truth {
  readonly moves: Readonly<Record<string, number>>;
  readonly living: Readonly<Record<string, number>>;
}

/** An application that goes on whatever happens to its database. */
export interface LedgerWriter {
  /** Ends with the statements under way. */
  stop(): Promise<void>;
}

const FORGOTTEN_MS = 5_000;

const SCHEMA = `
create table ${FAULT_TABLE} (id bigint generated always as identity primary key,
  status text not null check (status in ('new', 'open', 'done')));
create table public.ledger (from_status text not null, to_status text not null);
create function public.work(dice float8) returns void language plpgsql as $$
declare item record; target text;
begin
  select id, status into item from ${FAULT_TABLE} order by random() limit 1 for update skip locked;
  if not found or dice < 0.3 then
    insert into ${FAULT_TABLE} (status) values ('new');
    insert into public.ledger values ('none', 'new');
  elsif dice < 0.9 then
    target := case item.status when 'new' then 'open' when 'open' then 'done' else 'new' end;
    update ${FAULT_TABLE} set status = target where id = item.id;
    insert into public.ledger values (item.status, target);
  else
    delete from ${FAULT_TABLE} where id = item.id;
    insert into public.ledger values (item.status, 'none');
  end if;
  if dice > 0.95 then raise exception 'rolled back on purpose'; end if;
end $$;`;

/** Creates the watched table, the ledger and the work. */
export async function createFaultTables(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(SCHEMA);
}

/** Starts `lanes` connections of random work on the database itself, not through a proxy. */
export function startLedgerWriter(url: string, lanes: number): LedgerWriter {
  const sql = postgres(url, { max: lanes, onnotice: () => {}, backoff: () => 0.05, fetch_types: false });
  let running = true;
  const lane = async () => {
    while (running) {
      // One statement, because a `begin` of the driver breaks the process when the server dies inside it.
      const statement = sql`select work(${Math.random()}::float8)`.then(
        () => true,
        () => false,
      );
      // The driver may forget a statement whose connection broke; the ledger knows whether it happened.
      const done = await Promise.race([statement, pause(FORGOTTEN_MS).then(() => false)]);
      await pause(done ? 8 : 20);
    }
  };
  const all = Promise.all(Array.from({ length: lanes }, lane));
  return {
    async stop() {
      running = false;
      await sql.end({ timeout: 2 });
      await all;
    },
  };
}

/** Reads the truth over a connection of its own. */
export async function readTruth(url: string): Promise<Truth> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, fetch_types: false });
  try {
    const moves = await sql<{ name: string; n: number }[]>`
      select from_status || '>' || to_status as name, count(*)::int as n from ledger group by 1 order by 1`;
    const living = await sql<{ name: string; n: number }[]>`
      select status as name, count(*)::int as n from fault_items group by 1 order by 1`;
    return { moves: record(moves), living: record(living) };
  } finally {
    await sql.end({ timeout: 2 });
  }
}

function record(rows: readonly { name: string; n: number }[]): Record<string, number> {
  return Object.fromEntries(rows.map((r) => [r.name, r.n]));
}
