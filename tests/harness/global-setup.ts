/** Owns the one PostgreSQL cluster that the whole test run shares; tests get databases of it by `freshDatabase`. */
import type { TestProject } from 'vitest/node';
import { type PostgresServer, startPostgres } from './postgres.js';
import { sweepAbandonedScratch } from './scratch.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Superuser URL of the shared cluster's database `postgres`. */
    postgresAdminUrl: string;
  }
}

let server: PostgresServer | undefined;

/** Called by vitest before the first test file. */
export async function setup(project: TestProject): Promise<void> {
  sweepAbandonedScratch();
  server = await startPostgres({ settings: { max_connections: '200' } });
  project.provide('postgresAdminUrl', server.adminUrl);
}

/** Called by vitest after the last test file, failed or not. */
export async function teardown(): Promise<void> {
  await server?.stop();
}
