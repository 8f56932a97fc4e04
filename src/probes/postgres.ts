/** Owns the probe of a PostgreSQL server: a new connection, a statement, and who waits for whom. */
import type postgres from 'postgres';
import type { Secret } from '../config/secret.js';
import { parseAddress } from '../storage/address.js';
import { openDatabase } from '../storage/database.js';
import { DatabaseTimeoutError, DatabaseUnavailableError, errorCode } from '../storage/database-errors.js';
import { allowedAddresses, type Net } from './dial.js';
import { ProbeFailure } from './failure.js';
import type { Asking, ProbeSpec } from './probe.js';

/** Which server, and whether its account must be able to write there. */
export interface PostgresTarget {
  readonly name: string;
  readonly url: Pick<Secret, 'reveal'>;
  readonly timeoutMs: number;
  readonly role: 'source' | 'store';
  /** Undefined for the databases that we work with anyway: those need no permission. */
  readonly net: Net | undefined;
}

const CLOSE_MS = 250;

/**
 * Connects anew for each question: a kept connection would go on answering when nobody else gets in any more, because
 * the server has no slot left or the password was changed.
 */
export function postgresProbe(config: PostgresTarget): ProbeSpec {
  const { name, url, timeoutMs, role, net } = config;
  const address = parseAddress(url.reveal());
  const target = address.label;
  return {
    name,
    kind: 'postgres',
    target,
    deadlineMs: timeoutMs,
    async ask(asking) {
      if (net !== undefined) {
        for (const { host, path } of address.endpoints) {
          if (path === undefined) await allowedAddresses(net, host, target);
        }
      }
      // A name that is found after the deadline must lead nowhere: nobody would break that connection any more.
      asking.signal.throwIfAborted();
      await askServer({ url, role, timeoutMs, target }, asking);
    },
  };
}

async function askServer(
  { url, role, timeoutMs, target }: Pick<PostgresTarget, 'url' | 'role' | 'timeoutMs'> & { target: string },
  asking: Asking,
): Promise<void> {
  const database = openDatabase({
    url,
    role,
    max: 1,
    applicationName: 'flowgauge_probe',
    connectTimeoutMs: timeoutMs,
    prepare: false,
  });
  // Breaks the connection at once; `run` below then rejects, and the outcome was told already.
  const abort = () => void database.close(0);
  asking.signal.addEventListener('abort', abort, { once: true });
  try {
    const row = await database.run('probe', timeoutMs, readServer);
    asking.note({
      postgresConnections: row.connections,
      postgresConnectionsMax: row.connections_max,
      postgresWaitingLocks: row.waiting_locks,
      postgresOldestTransactionSeconds: row.oldest_transaction,
    });
  } catch (error) {
    throw postgresFailure(error, target, timeoutMs);
  } finally {
    asking.signal.removeEventListener('abort', abort);
    await database.close(CLOSE_MS);
  }
}

interface ServerRow {
  readonly connections: number;
  readonly connections_max: number;
  readonly waiting_locks: number;
  readonly oldest_transaction: number | null;
}

/** Without the role pg_read_all_stats the kind of other roles' backends is hidden, but not that they have a database. */
async function readServer(sql: postgres.Sql): Promise<ServerRow> {
  const [row] = await sql<ServerRow[]>`
    select
      (select count(*) from pg_catalog.pg_stat_activity
        where backend_type = 'client backend' or (backend_type is null and datid is not null))::float8 as connections,
      pg_catalog.current_setting('max_connections')::float8 as connections_max,
      (select count(*) from pg_catalog.pg_locks where not granted)::float8 as waiting_locks,
      (select extract(epoch from min(xact_start)) from pg_catalog.pg_stat_activity
        where backend_type = 'client backend' and pid <> pg_catalog.pg_backend_pid())::float8 as oldest_transaction`;
  if (row === undefined) throw new ProbeFailure('protocol', 'the server answered without a row');
  return row;
}

function postgresFailure(error: unknown, target: string, timeoutMs: number): unknown {
  const code = error instanceof DatabaseUnavailableError ? error.reason : (errorCode(error) ?? 'UNKNOWN');
  if (error instanceof DatabaseTimeoutError || code === 'CONNECT_TIMEOUT') {
    return new ProbeFailure(
      'timeout',
      `${target} had no answer within ${timeoutMs} ms. The server is frozen, overloaded or cannot be reached; look at pg_stat_activity there.`,
    );
  }
  if (/^28/.test(code) || code === '42501') {
    return new ProbeFailure(
      'auth',
      `${target} does not let us in (${code}). Check user, password and pg_hba.conf.`,
    );
  }
  if (code === 'DATABASE_READ_ONLY') {
    return new ProbeFailure(
      'unavailable',
      `${target} takes no writes: it is a standby or was switched to read-only. Point the URL at the primary.`,
    );
  }
  if (code === '53300') {
    return new ProbeFailure(
      'unavailable',
      `${target} has no connection left (53300). Raise max_connections there or lower what else is connected.`,
    );
  }
  if (code === '3D000') {
    return new ProbeFailure(
      'unavailable',
      `${target} does not exist (3D000). Create the database or correct its name.`,
    );
  }
  // The driver's own words for a connection that ended under it.
  if (/^(CONNECT|CONNECTION)_|^57P0|^08/.test(code)) {
    return new ProbeFailure(
      'unavailable',
      `${target} broke the connection (${code}). Look at the log of the server.`,
    );
  }
  return error instanceof DatabaseUnavailableError
    ? Object.assign(new Error('unavailable'), { code })
    : error;
}
