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
    super(`"${work}" cannot use ${where} (${reason}${said}). ${remedy(reason, said)}`, { cause });
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

/**
 * The connection was closed at BEGIN without a word: a pooler in statement mode does this each time, any other close
 * may fall there once. Becomes the cause of a
 * {@link DatabaseUnavailableError}.
 */
export class TransactionCutError extends Error {
  readonly code = 'CONNECTION_CLOSED_AT_BEGIN';
  constructor(cause: unknown) {
    super('the connection was closed when a transaction began', { cause });
    this.name = 'TransactionCutError';
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

const REMEDIES: readonly (readonly [reason: RegExp, said: RegExp, remedy: string])[] = [
  [
    /^28000$/,
    /no encryption|SSL off/,
    'The server takes encrypted connections only: add sslmode=verify-full (or require) to the URL.',
  ],
  [
    /^28000$/,
    /client certificate/,
    'The server asks for a certificate: name its files as sslcert and sslkey in the URL.',
  ],
  [/^28/, /./, 'Check user, password and pg_hba.conf.'],
  [/^3D000$/, /./, 'Create the database or correct its name in the URL.'],
  [/^53300$/, /./, 'Raise max_connections there or lower what else is connected.'],
  [/^(ENOTFOUND|EAI_AGAIN)$/, /./, 'Check the host name and the DNS.'],
  [
    /^CONNECTION_CLOSED_AT_BEGIN$/,
    /./,
    'If this stays, the pooler is in statement mode: set pool_mode = transaction or session for this database there.',
  ],
  [
    /^08P01$/,
    /startup parameter/,
    'A pooler stands in between and refuses a setting of the URL: take it out of the URL.',
  ],
  [
    /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_)/,
    /./,
    'Its certificate is signed by nobody who is trusted here: name the file with its authority as sslrootcert in the URL.',
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    /./,
    'Write a host into the URL that the certificate names, have one issued for this host, or check no name with sslmode=verify-ca.',
  ],
  [/^CERT_/, /./, 'Look at the certificate of the server, its dates and its revocation.'],
  [
    /^ECONNRESET$/,
    /before secure TLS/,
    'The server seems to speak no TLS: switch ssl on there, or write sslmode=disable where the network itself is safe.',
  ],
  [
    /^(ERR_SSL_|ERR_OSSL_|EPROTO$)/,
    /./,
    'The TLS handshake failed: look at the log of the server, the files named in the URL and ssl_min_protocol_version on both sides.',
  ],
  // A server that does not trust our certificate hangs up behind its own reason, which then may not arrive.
  [
    /^(ECONNRESET|EPIPE|CONNECTION_CLOSED)$/,
    /./,
    'Check that the server runs and can be reached; its log tells why it hung up.',
  ],
];

function remedy(reason: string, said: string): string {
  const known = REMEDIES.find(([code, words]) => code.test(reason) && words.test(said || ' '));
  return known?.[2] ?? 'Check that the server runs and can be reached.';
}
