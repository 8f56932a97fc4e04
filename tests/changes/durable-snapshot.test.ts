/** Proves that the journal's reader takes nothing for seen that a crash of the server, or a standby, can take back. */
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChangeSource } from '../../src/changes/change-source.js';
import { makeDurable, momentOf } from '../../src/changes/durable-snapshot.js';
import { openJournal } from '../../src/changes/journal.js';
import type { Cursor } from '../../src/flows/cursor.js';
import { type Database, openDatabase } from '../../src/storage/database.js';
import { type Standby, startStandby } from '../chaos/standby.js';
import { eventually } from '../harness/exporter.js';
import { type PostgresServer, startPostgres } from '../harness/postgres.js';
import { flowOf, watch } from './captured.js';

const never = new AbortController().signal;
let server: PostgresServer;
const opened: Database[] = [];

/** The server's log goes to disk only with a commit that asks for it: what comes after the last one dies with the server. */
const SETTINGS = { wal_writer_delay: '10s', wal_writer_flush_after: '0' };

beforeAll(async () => {
  server = await startPostgres({ settings: SETTINGS });
});
afterAll(async () => {
  await Promise.all(opened.map((db) => db.close(500)));
  await server?.stop();
});

async function journalAt(url: string, table: string): Promise<ChangeSource> {
  await watch(server.sql, `create table ${table} (id int primary key, status text not null)`, {
    name: table,
    table: { schema: 'public', name: table },
  }).catch((error) => {
    // A standby's journal was made on its primary.
    if (!/already exists/.test(String(error))) throw error;
  });
  return openAt(url, table);
}

async function openAt(url: string, table: string): Promise<ChangeSource> {
  const db = openDatabase({ url, role: 'source', max: 2, applicationName: 'test' });
  opened.push(db);
  return openJournal(db, flowOf({ name: table, table: { schema: 'public', name: table } }));
}

/** Reads for a while, as the reader of an idle table does; the last cursor and all changes. */
async function readOn(source: ChangeSource, from: Cursor, rounds = 5) {
  let cursor = from;
  const changes: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const page = await source.read(cursor, 100, never);
    changes.push(...page.changes.map((c) => `${c.key}: ${c.from ?? '-'}>${c.to ?? '-'}`));
    cursor = page.next;
  }
  return { cursor, changes };
}

async function start(source: ChangeSource): Promise<Cursor> {
  return source.baseline(undefined, { unread: async () => {}, rows: async () => {} }, never);
}

describe('making the log durable', () => {
  it('brings what was rolled back to disk', async () => {
    await journalAt(server.url, 'flushed');
    await server.sql`insert into flushed values (1, 'a')`;
    const rolledBack = await transactionThatRollsBack(server.url, 'flushed');
    await makeDurable(server.sql);
    await server.kill();
    await server.restart();
    const [row] = await server.sql<
      { next: string }[]
    >`select pg_snapshot_xmax(pg_current_snapshot())::text as next`;
    expect(Number(row!.next)).toBeGreaterThan(Number(rolledBack));
  });
  it('waits for the log writer where it may not write itself', async () => {
    await server.sql`create role mute login`;
    const [writes] = await server.sql<{ f: string }[]>`
      select string_agg(oid::regprocedure::text, ', ') as f from pg_proc where proname = 'pg_logical_emit_message'`;
    const functions = `function ${writes!.f}, pg_current_wal_insert_lsn()`;
    await server.sql.unsafe(`revoke execute on ${functions} from public`);
    const sql = postgres(server.urlOf('app', 'mute'), { max: 1, onnotice: () => {} });
    expect(await momentOf(sql, 'here')).toMatchObject({ durable: false });
    await makeDurable(sql);
    expect(await sql`select 1 as one`).toEqual([{ one: 1 }]);
    await sql.end();
    await server.sql.unsafe(`grant execute on ${functions} to public`);
  });
});

describe('a crash of the server', () => {
  const cases = { empty: async () => {}, full: async (table: string) => void (await arrive(table)) };
  for (const [page, before] of Object.entries(cases)) {
    it(`gives the id of a rolled-back transaction to a new one, whose change is read when the page was ${page}`, async () => {
      const table = `reused_${page}`;
      const source = await journalAt(server.url, table);
      await server.sql.unsafe(`insert into ${table} values (1, 'a')`);
      const first = await readOn(source, await start(source));
      await before(table);
      const rolledBack = await transactionThatRollsBack(server.url, table);
      const { cursor } = await readOn(source, first.cursor);

      await server.kill();
      await server.restart();
      const tx = await moveInTransactionOf(BigInt(rolledBack), table);
      // Either the id is not given out again, or what it does is read.
      expect(tx).toBeGreaterThanOrEqual(BigInt(rolledBack));
      const after = await eventually(
        () => readOn(source, cursor),
        (r) => r.changes.length > 0,
        5_000,
      );
      expect(after.changes).toEqual(['1: a>b']);
    });
  }
});

async function arrive(table: string): Promise<void> {
  await server.sql.unsafe(`insert into ${table} values (2, 'a')`);
}

/** Moves item 1 in the first transaction with this id or a later one; its id. */
async function moveInTransactionOf(id: bigint, table: string): Promise<bigint> {
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  for (;;) {
    const [now] = await sql<{ next: string }[]>`select pg_snapshot_xmax(pg_current_snapshot())::text as next`;
    if (BigInt(now!.next) >= id) break;
    await sql`select pg_current_xact_id()`;
  }
  const [row] = await sql.unsafe<{ tx: string }[]>(
    `update ${table} set status = 'b' where id = 1 returning pg_current_xact_id()::text as tx`,
  );
  await sql.end();
  return BigInt(row!.tx);
}

/** Its id, as text. */
async function transactionThatRollsBack(url: string, table: string): Promise<string> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await sql.unsafe('begin');
  const [row] = await sql.unsafe<{ tx: string }[]>(
    `update ${table} set status = 'c' where id = 1 returning pg_current_xact_id()::text as tx`,
  );
  await sql.unsafe('rollback');
  await sql.end();
  return row!.tx;
}

describe('a standby', () => {
  let standby: Standby;
  beforeAll(async () => {
    await journalAt(server.url, 'followed');
    standby = await startStandby(server);
  });
  afterAll(() => standby?.stop());

  it('is not read: it does not tell which transactions are still open', async () => {
    const primary = await openAt(server.url, 'followed');
    const cursor = await start(primary);
    const open = postgres(server.url, { max: 1, onnotice: () => {} });
    await open.unsafe('begin');
    await open.unsafe("insert into followed values (1, 'a')");
    await server.sql`insert into followed values (2, 'a')`;
    const follower = new URL(server.url);
    follower.port = String(standby.port);
    const source = await openAt(follower.href, 'followed');
    const refusal = { code: 'DATABASE_READ_ONLY' };
    await expect(source.read(cursor, 100, never)).rejects.toMatchObject(refusal);
    await expect(source.census(cursor)).rejects.toMatchObject(refusal);
    await expect(start(source)).rejects.toMatchObject(refusal);
    await open.unsafe('commit');
    await open.end();
    const { changes } = await eventually(
      () => readOn(primary, cursor),
      (r) => r.changes.length === 2,
      5_000,
    );
    expect(changes.sort()).toEqual(['1: ->a', '2: ->a']);
  });
});
