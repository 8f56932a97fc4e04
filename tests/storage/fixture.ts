/** Owns what the database tests share: a real server with a table, and databases opened on it and closed after each test. */
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import {
  type Database,
  type DatabaseEvent,
  type DatabaseOptions,
  openDatabase,
} from '../../src/storage/database.js';
import { type PostgresServer, startPostgres } from '../harness/postgres.js';

/** One server per test file; a frozen one is thawed after each test. */
export interface DatabaseFixture {
  readonly server: PostgresServer;
  /** What the databases of the running test have told. */
  readonly events: DatabaseEvent[];
  /** A store of two connections unless told otherwise. */
  open(options?: Partial<DatabaseOptions>): Database;
}

/** Call at the top of a test file. The server has a table `notes (id int primary key, text text)`. */
export function useDatabase(): DatabaseFixture {
  let server: PostgresServer;
  const events: DatabaseEvent[] = [];
  const opened: Database[] = [];
  beforeAll(async () => {
    server = await startPostgres();
    await server.sql`create table notes (id int primary key, text text)`;
  });
  afterEach(async () => {
    server.thaw();
    await Promise.all(opened.splice(0).map((db) => db.close(500)));
    events.length = 0;
  });
  afterAll(() => server?.stop());
  return {
    get server() {
      return server;
    },
    events,
    open(options = {}) {
      const defaults = { url: server.url, role: 'store', max: 2, applicationName: 'flowgauge-test' } as const;
      const db = openDatabase({ ...defaults, onEvent: (event) => events.push(event), ...options });
      opened.push(db);
      return db;
    },
  };
}

/** The error of a call that must fail. */
export function failure(promise: Promise<unknown>) {
  return promise.then(
    () => expect.fail('it should have been refused'),
    (error: Error & { code?: string; outcome?: string; cause?: unknown }) => error,
  );
}

/** The simplest question. */
export function one(db: Database, deadlineMs = 5000) {
  return db.run('one', deadlineMs, (sql) => sql`select 1 as x`);
}
