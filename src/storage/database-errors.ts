/** Owns what can go wrong between us and a database, and how each case is recognised in the driver's errors. */
import { DrizzleQueryError } from 'drizzle-orm/errors';

/**
 * Whether the work had an effect: `not-applied` is certain, `unknown` means that the answer was lost, so whoever
 * repeats the work must be able to find it done already.
 */
export type Outcome = 'not-applied' | 'unknown';

/** The work did not end within its deadline. Its connection is destroyed; the next call gets a fresh one. */
export class DatabaseTimeoutError extends Error {
  readonly code = 'DATABASE_TIMEOUT';
  readonly retry = 'later';
  constructor(
    readonly work: string,
    readonly deadlineMs: number,
    where: string,
    readonly outcome: Outcome,
  ) {
    super(
      `"${work}" on ${where} had no answer within ${deadlineMs} ms. The server is frozen, overloaded, blocked by a lock, or every connection is busy; look at pg_stat_activity there. It will be tried again.`,
    );
    this.name = 'DatabaseTimeoutError';
  }
}

/** No connection could be made, or it broke. `reason` is a network code (ECONNREFUSED) or a SQLSTATE (28P01). */
export class DatabaseUnavailableError extends Error {
  readonly code = 'DATABASE_UNAVAILABLE';
  readonly retry = 'later';
  constructor(
    readonly work: string,
    where: string,
    readonly reason: string,
    readonly outcome: Outcome,
    cause: unknown,
  ) {
    const said = cause instanceof Error && cause.message ? `: ${cause.message}` : '';
    super(`"${work}" cannot use ${where} (${reason}${said}). ${remedy(reason)}`, { cause });
    this.name = 'DatabaseUnavailableError';
  }
}

/** The server takes no writes: a standby, or a primary that was switched to read-only. Nothing was written. */
export class DatabaseReadOnlyError extends Error {
  readonly code = 'DATABASE_READ_ONLY';
  readonly retry = 'later';
  readonly outcome: Outcome = 'not-applied';
  constructor(
    readonly work: string,
    where: string,
    cause?: unknown,
  ) {
    super(
      `"${work}" needs to write, and ${where} is read-only (a standby, or default_transaction_read_only is on). All connections are dropped and the host is looked up again; point the URL at the primary if this stays.`,
      { cause },
    );
    this.name = 'DatabaseReadOnlyError';
  }
}

/** A statement of the transaction failed and its error was swallowed, so the server rolled back instead of committing. */
export class DatabaseRolledBackError extends Error {
  readonly code = 'DATABASE_ROLLED_BACK';
  readonly retry = 'never';
  constructor() {
    super(
      'COMMIT was answered with ROLLBACK: a failed statement inside the transaction was ignored. Nothing was written.',
    );
    this.name = 'DatabaseRolledBackError';
  }
}

/** The database object was closed; nothing was sent. */
export class DatabaseClosedError extends Error {
  readonly code = 'DATABASE_CLOSED';
  readonly retry = 'never';
  constructor(work: string) {
    super(`"${work}" was not started: the program is stopping and has closed its database connections.`);
    this.name = 'DatabaseClosedError';
  }
}

/** The `code` of an error: SQLSTATE, network code or the driver's own word. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/**
 * What the driver said. The query builder wraps it in an error without a code, whose message holds the statement and
 * its values: unwrapped, a lost connection is known as one, and no value gets into a log.
 */
export function driverError(error: unknown): unknown {
  return error instanceof DrizzleQueryError && error.cause instanceof Error ? error.cause : error;
}

/** Whether the connection, not the statement, is at fault. */
export function isConnectionFailure(error: unknown): boolean {
  const code = errorCode(error);
  if (code === undefined) return false;
  // 57P01–57P05: the server ends sessions; 08: protocol; 53300: no slot left.
  return /^(08...|57P0.|53300|CONNECT.*|ECONN.*|EHOST.*|ENET.*|ENOTFOUND|EAI_AGAIN|EPIPE|ETIMEDOUT)$/.test(
    code,
  );
}

/** Whether the server refuses to write because it is a standby or switched to read-only. */
export function isReadOnlyRefusal(error: unknown): boolean {
  return errorCode(error) === '25006';
}

/** Whether a pooler between us and the server loses prepared statements. */
export function isLostPreparedStatement(error: unknown): boolean {
  const code = errorCode(error);
  return code === '26000' || code === '42P05';
}

/** Whether a pooler refuses the settings that we send with the connection. */
export function isRefusedStartupSetting(error: unknown): boolean {
  return errorCode(error) === '08P01' && /startup parameter/.test((error as Error).message);
}

/** Whether the server itself ended the statement, by `statement_timeout` or on request. */
export function isCancelled(error: unknown): boolean {
  return errorCode(error) === '57014';
}

function remedy(reason: string): string {
  if (/^28/.test(reason)) return 'Check user, password and pg_hba.conf.';
  if (reason === '3D000') return 'Create the database or correct its name in the URL.';
  if (reason === '53300') return 'Raise max_connections there or lower what else is connected.';
  if (/^(ENOTFOUND|EAI_AGAIN)$/.test(reason)) return 'Check the host name and the DNS.';
  return 'Check that the server runs and can be reached.';
}
