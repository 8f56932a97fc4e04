/** Owns the use of one database: few connections, each call behind its own deadline, every failure a named error. */
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type postgres from 'postgres';
import { parseAddress, type Revealable, revealUrl } from './address.js';
import { type Call, Connections, outcomeOf } from './connections.js';
import {
  DatabaseReadOnlyError,
  DatabaseTimeoutError,
  DatabaseUnavailableError,
  driverError,
  errorCode,
  isCancelled,
  isConnectionFailure,
  isLostPreparedStatement,
  isReadOnlyRefusal,
} from './database-errors.js';
import { type Session, statementLimitMs, type TransactionOptions } from './session.js';

/** The *source* holds the watched rows, the *store* our own tables; a store must take writes. */
export type DatabaseRole = 'source' | 'store';

/** What happened to the connections, for metrics and log. `up` and `down` are sent on change only. */
export type DatabaseEvent =
  | {
      readonly kind: 'up' | 'connected' | 'disconnected' | 'read-only' | 'pooler';
      readonly role: DatabaseRole;
    }
  | { readonly kind: 'down'; readonly role: DatabaseRole; readonly reason: string }
  | { readonly kind: 'timeout'; readonly role: DatabaseRole; readonly work: string };

/** What is known of a call before it is made. `label` is as in {@link Database}. */
export interface CallName {
  readonly role: DatabaseRole;
  readonly label: string;
  readonly name: string;
}
/** See {@link DatabaseOptions}. */
export type AroundCall = <T>(call: CallName, work: () => Promise<T>) => Promise<T>;

/** Options of {@link openDatabase}. */
export interface DatabaseOptions {
  readonly url: string | Revealable;
  readonly role: DatabaseRole;
  /** Connections at most, 1–100. Further calls wait for one, inside their deadline. */
  readonly max: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** Must not throw. */
  readonly onEvent?: (event: DatabaseEvent) => void;
  /** Runs around each call, for a span; must call `work` once and answer what it answers. Default: nothing. */
  readonly around?: AroundCall | undefined;
  /** False where a pooler loses prepared statements; noticed by itself after the first loss. Default true. */
  readonly prepare?: boolean;
  /** Longest time to make a connection, in ms. Default 5000. */
  readonly connectTimeoutMs?: number;
  /** Longest wait for a lock, in ms. Default 5000. */
  readonly lockTimeoutMs?: number;
  /**
   * After this silence inside a transaction the server ends it, in ms. Default 10000: a frozen process would keep its
   * row locks, and its successor could not go on.
   */
  readonly idleInTransactionMs?: number;
}

/**
 * Work gets a connection of its own, as the driver's tag and as drizzle over it. int8 and numeric arrive as decimal
 * strings (exact; convert where a number is needed), timestamps and arrays as PostgreSQL's text; a list goes out by `arrayText`.
 */
export type Work<T> = (sql: postgres.Sql, orm: PostgresJsDatabase) => Promise<T>;

/** A database that may be down, frozen or read-only at any time; no call outlives its deadline. */
export interface Database {
  readonly role: DatabaseRole;
  /** `host:port/database`, never with an account. */
  readonly label: string;
  /** Whether the latest call got an answer from the server; false before the first. */
  readonly up: boolean;
  /**
   * Runs `work` on one connection. `name` appears in errors. Rejects with {@link DatabaseTimeoutError} after
   * `deadlineMs` (1 ms – 24 h) and destroys the connection; with {@link DatabaseUnavailableError},
   * {@link DatabaseReadOnlyError}, or the server's own error as it is. `sql.begin` may be used inside; it does not nest.
   */
  run<T>(name: string, deadlineMs: number, work: Work<T>): Promise<T>;
  /** As {@link run}, between BEGIN and COMMIT. An error's `outcome` says whether the commit may have happened. */
  transaction<T>(name: string, deadlineMs: number, options: TransactionOptions, work: Work<T>): Promise<T>;
  /** Refuses new calls, waits for those under way, then breaks whatever is left after `deadlineMs`. */
  close(deadlineMs: number): Promise<void>;
}

/** Prepares the use of a database without connecting. Throws {@link DatabaseUrlError} or RangeError at once. */
export function openDatabase(options: DatabaseOptions): Database {
  if (!Number.isInteger(options.max) || options.max < 1 || options.max > 100) {
    throw new RangeError(`max must be a whole number of 1–100 connections, not ${options.max}`);
  }
  const address = parseAddress(revealUrl(options.url));
  const where = `the ${options.role} database ${address.label}`;
  const connections = new Connections(address, {
    max: options.max,
    needsWrites: options.role === 'store',
    where,
    onEvent: (kind) => options.onEvent?.({ kind, role: options.role }),
    session: {
      applicationName: options.applicationName,
      connectTimeoutMs: options.connectTimeoutMs ?? 5000,
      lockTimeoutMs: options.lockTimeoutMs ?? 5000,
      idleInTransactionMs: options.idleInTransactionMs ?? 10_000,
      prepare: options.prepare ?? true,
      settings: 'startup',
    },
  });
  // Not the options as a whole: they hold the URL, and a dumped object must not.
  const { role, onEvent, around } = options;
  return new GuardedDatabase(role, onEvent, around, address.label, where, connections);
}

const LONGEST_DEADLINE_MS = 86_400_000;

class GuardedDatabase implements Database {
  #up: boolean | undefined;

  constructor(
    readonly role: DatabaseRole,
    private readonly onEvent: DatabaseOptions['onEvent'],
    private readonly around: AroundCall | undefined,
    readonly label: string,
    private readonly where: string,
    private readonly connections: Connections,
  ) {}

  get up(): boolean {
    return this.#up ?? false;
  }

  run<T>(name: string, deadlineMs: number, work: Work<T>): Promise<T> {
    return this.#framed(name, deadlineMs, 'run', (session) => work(session.sql, session.orm));
  }

  transaction<T>(name: string, deadlineMs: number, options: TransactionOptions, work: Work<T>): Promise<T> {
    return this.#framed(name, deadlineMs, 'transaction', (session) =>
      session.transaction(options, () => work(session.sql, session.orm)),
    );
  }

  close(deadlineMs: number): Promise<void> {
    return this.connections.close(deadlineMs);
  }

  #framed<T>(
    name: string,
    deadlineMs: number,
    kind: Call['kind'],
    act: (s: Session) => Promise<T>,
  ): Promise<T> {
    const call = () => this.#call(name, deadlineMs, kind, act);
    return this.around === undefined
      ? call()
      : this.around({ role: this.role, label: this.label, name }, call);
  }

  async #call<T>(
    name: string,
    deadlineMs: number,
    kind: Call['kind'],
    act: (s: Session) => Promise<T>,
  ): Promise<T> {
    if (!(deadlineMs >= 1 && deadlineMs <= LONGEST_DEADLINE_MS)) {
      throw new RangeError(`deadline of "${name}" must be 1 to ${LONGEST_DEADLINE_MS} ms, not ${deadlineMs}`);
    }
    const startedMs = performance.now();
    const call: Call = { name, deadlineMs, kind, expired: false, session: undefined, leaveQueue: undefined };
    let timer: NodeJS.Timeout | undefined;
    const wall = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#expire(call)), deadlineMs);
    });
    const work = this.#perform(call, act);
    // After the wall nobody listens to the work any more; its late rejection must not end the process.
    work.catch(() => {});
    try {
      const result = await Promise.race([work, wall]);
      this.#setUp(true);
      return result;
    } catch (error) {
      throw this.#judge(call, driverError(error), performance.now() - startedMs);
    } finally {
      clearTimeout(timer);
    }
  }

  async #perform<T>(call: Call, act: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.connections.acquire(call);
    try {
      session.limitStatements(call.deadlineMs);
      return await act(session);
    } finally {
      this.connections.release(session);
    }
  }

  #expire(call: Call): DatabaseTimeoutError {
    call.expired = true;
    const error = new DatabaseTimeoutError(call.name, call.deadlineMs, this.where, outcomeOf(call));
    const silentSinceMs = call.session?.silentSinceMs;
    call.leaveQueue?.();
    call.session?.destroy();
    // A server that is only slow answers before the deadline, with the end of the statement: its connections live.
    if (silentSinceMs !== undefined && performance.now() - silentSinceMs >= statementLimitMs(call.deadlineMs))
      this.connections.dropUnheard(silentSinceMs);
    return error;
  }

  /** Turns what the driver or the server said into our words, and draws the consequence for the connections. */
  #judge(call: Call, error: unknown, tookMs: number): unknown {
    if (error instanceof DatabaseTimeoutError) return this.#timedOut(error);
    if (isCancelled(error) && tookMs >= call.deadlineMs * 0.8) {
      return this.#timedOut(
        new DatabaseTimeoutError(call.name, call.deadlineMs, this.where, outcomeOf(call)),
      );
    }
    if (error instanceof DatabaseReadOnlyError || isReadOnlyRefusal(error))
      return this.#readOnly(call, error);
    if (error instanceof DatabaseUnavailableError || isConnectionFailure(error)) {
      const failure =
        error instanceof DatabaseUnavailableError ? error : this.connections.unavailable(call, error);
      call.session?.destroy();
      this.#setUp(false, failure.reason);
      return failure;
    }
    if (isLostPreparedStatement(error)) {
      this.connections.usePlainSessions();
      this.connections.dropAll();
    }
    if (errorCode(error) !== 'DATABASE_CLOSED') this.#setUp(true);
    return error;
  }

  #timedOut(error: DatabaseTimeoutError): DatabaseTimeoutError {
    this.#emit({ kind: 'timeout', role: this.role, work: error.work });
    this.#setUp(false, error.code);
    return error;
  }

  #readOnly(call: Call, error: unknown): DatabaseReadOnlyError {
    this.connections.abandonServer();
    this.#emit({ kind: 'read-only', role: this.role });
    this.#setUp(false, 'DATABASE_READ_ONLY');
    return error instanceof DatabaseReadOnlyError
      ? error
      : new DatabaseReadOnlyError(call.name, this.where, error);
  }

  #setUp(up: boolean, reason = ''): void {
    if (this.#up === up) return;
    this.#up = up;
    this.#emit(up ? { kind: 'up', role: this.role } : { kind: 'down', role: this.role, reason });
  }

  #emit(event: DatabaseEvent): void {
    this.onEvent?.(event);
  }
}
