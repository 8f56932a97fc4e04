/** Owns the durable form of told moves: a row per item, written in the program's own transaction, for the exporter to watch. */
import { sql } from 'drizzle-orm/sql';
import { checkFlowName } from './flow-options.js';

/** A transaction, or a database, of drizzle. Told without drizzle's own types, so that any version of it fits. */
export interface DrizzleExecutor {
  /** Runs one statement. */
  execute(query: never): PromiseLike<unknown>;
}

/** The table of the living items of a flow, in a schema of the program's database. */
export interface FlowItemTable {
  /** Makes the table when it is not there: one statement, for a migration. */
  readonly createSql: string;
  /**
   * Writes one move inside the transaction: it is counted exactly when that commits. Null for `to` takes the item out.
   * Rejects with the database's own error, and the transaction fails with it: a move that cannot be written must not
   * be lost in silence.
   */
  moved(tx: DrizzleExecutor, id: string | number, to: string | null): Promise<void>;
}

/**
 * For statuses that are in no table which could be watched. Give the table to the exporter as any other:
 * `tokens: { table: public.flowgauge_tokens, key: id, status: status, moved_at: moved_at }`. Where a move comes from is
 * read from the row, so no call can tell it wrongly. Throws InstrumentOptionError for a name that is none.
 */
export function flowItemTable(flow: string, schema = 'public'): FlowItemTable {
  checkFlowName(flow, 'flowItemTable');
  checkFlowName(schema, 'flowItemTable');
  const table = sql`${sql.identifier(schema)}.${sql.identifier(`flowgauge_${flow}`)}`;
  return {
    createSql: `CREATE TABLE IF NOT EXISTS "${schema}"."flowgauge_${flow}" (
  id text PRIMARY KEY,
  status text NOT NULL,
  moved_at timestamptz NOT NULL
)`,
    async moved(tx, id, to) {
      if (to === null) {
        await tx.execute(sql`delete from ${table} where id = ${String(id)}` as never);
        return;
      }
      await tx.execute(
        sql`insert into ${table} as item (id, status, moved_at) values (${String(id)}, ${to}, clock_timestamp())
            on conflict (id) do update set status = excluded.status, moved_at = excluded.moved_at
            where item.status <> excluded.status` as never,
      );
    },
  };
}
