/** Owns that what the journal's reader takes for seen cannot be taken back, neither by a crash of the server nor by a standby. */
import { setTimeout as pause } from 'node:timers/promises';
import type postgres from 'postgres';
import { DatabaseReadOnlyError, errorCode } from '../storage/database-errors.js';

/** A moment of the source. */
export interface Moment {
  /** What was visible: `pg_snapshot` as text. */
  readonly snapshot: string;
  /** Whether the write-ahead log was on disk up to then. */
  readonly durable: boolean;
}

/** The server has no such function or does not let us call it. */
const UNTOLD = new Set(['0A000', '42501', '42883']);
/** A log writer that runs every 200 ms, the default, has written the end of a transaction after three of its rounds. */
const LOG_WRITER_MS = 1_000;

/**
 * The source now. Throws DatabaseReadOnlyError on a standby: its snapshots do not name the transactions that are still
 * open, and what they commit later would be stepped over. Not for use inside a transaction.
 */
export async function momentOf(sql: postgres.Sql, where: string): Promise<Moment> {
  const [row] = await sql<{ snapshot: string; standby: boolean }[]>`
    select pg_current_snapshot()::text as snapshot, pg_is_in_recovery() as standby`;
  if (row!.standby) throw standbyError(where);
  // Asked after the snapshot: whatever that shows is in the log by now.
  const log = await unlessUntold(
    sql<{ durable: boolean }[]>`select pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn() as durable`,
  );
  return { snapshot: row!.snapshot, durable: log?.[0]?.durable ?? false };
}

/** Throws DatabaseReadOnlyError on a standby; the connections to it are dropped and the primary is looked for. */
export async function requirePrimary(sql: postgres.Sql, where: string): Promise<void> {
  const [row] = await sql<{ standby: boolean }[]>`select pg_is_in_recovery() as standby`;
  if (row!.standby) throw standbyError(where);
}

function standbyError(where: string): DatabaseReadOnlyError {
  return new DatabaseReadOnlyError('journal', `the source database ${where}`);
}

/**
 * Brings the log to disk up to now, by a commit of our own. A roll-back, and with `synchronous_commit = off` a commit,
 * can be seen before it is on disk; when the server dies in between, its transaction's id is given out again, and a
 * reader that had it for seen would step over the new transaction. Not for use inside a transaction.
 */
export async function makeDurable(sql: postgres.Sql): Promise<void> {
  const done = await unlessUntold(
    sql.begin(async (tx) => {
      await tx.unsafe(
        `set local synchronous_commit = on; select pg_logical_emit_message(true, 'flowgauge', '')`,
      );
      return true;
    }),
  );
  if (done === true) return;
  await pause(LOG_WRITER_MS);
}

async function unlessUntold<T>(query: PromiseLike<T>): Promise<T | undefined> {
  try {
    return await query;
  } catch (error) {
    if (UNTOLD.has(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}
