/** Owns fresh databases on the shared cluster of the test run. */
import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { inject } from 'vitest';
import { createDatabase } from './postgres.js';

/** An empty database of its own for one test file or test. */
export interface FreshDatabase {
  readonly url: string;
  /** Superuser client of the database. */
  readonly sql: postgres.Sql;
  /** Closes the client and drops the database, with whatever is still connected. */
  drop(): Promise<void>;
}

/** Creates an empty database on the run's shared cluster (about 50 ms). Call `drop` in `afterAll` or `onTestFinished`. */
export async function freshDatabase(): Promise<FreshDatabase> {
  const adminUrl = inject('postgresAdminUrl');
  if (!adminUrl) {
    throw new Error(
      "no shared PostgreSQL: name 'tests/harness/global-setup.ts' as globalSetup in vitest.config.ts",
    );
  }
  const name = `t_${randomBytes(6).toString('hex')}`;
  await createDatabase(adminUrl, name, 'template0');
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  const sql = postgres(url.href, { max: 4, onnotice: () => {} });
  return {
    url: url.href,
    sql,
    async drop() {
      await sql.end({ timeout: 1 });
      const admin = postgres(adminUrl, { max: 1, onnotice: () => {}, fetch_types: false });
      await admin`drop database if exists ${admin(name)} with (force)`.finally(() =>
        admin.end({ timeout: 1 }),
      );
    },
  };
}
