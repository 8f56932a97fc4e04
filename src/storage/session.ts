/** Owns one connection to a database: it is made once, used by one piece of work at a time, and never repaired. */
import { connect, type Socket } from 'node:net';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import type { Address } from './address.js';
import { DatabaseRolledBackError, errorCode, TransactionCutError } from './database-errors.js';
import type { Endpoint } from './endpoints.js';

/** How a session presents itself. Milliseconds; `settings: 'none'` is for poolers that refuse startup settings. */
export interface SessionOptions {
  readonly applicationName: string;
  readonly connectTimeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly idleInTransactionMs: number;
  readonly prepare: boolean;
  readonly settings: 'startup' | 'none';
}

/** What the server says about itself when the connection is made. */
export interface ServerFacts {
  readonly takesWrites: boolean;
  /** False when a pooler in between took the settings that we sent with the connection and kept them to itself. */
  readonly keepsSettings: boolean;
}

/** A transaction's options, in PostgreSQL's words. */
export interface TransactionOptions {
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  readonly access?: 'read only' | 'read write';
}

/** How long the server may work on a statement before it gives up by itself: a little less than the deadline. */
export function statementLimitMs(deadlineMs: number): number {
  return Math.max(1, Math.floor(deadlineMs * 0.9));
}

/** Where the session stands: what is lost when it breaks now. */
export type SessionPhase = 'opening' | 'ready' | 'in transaction' | 'committing';

/**
 * One connection. The driver's own repair is switched off, because it would run the second half of a broken
 * transaction on a new connection, outside any transaction.
 */
export class Session {
  readonly sql: postgres.Sql;
  readonly orm: PostgresJsDatabase;
  readonly openedAtMs = performance.now();
  #phase: SessionPhase = 'opening';
  #socket: Socket | undefined;
  #dead = false;
  #statementTimeoutMs: number | undefined;
  #takenAtMs = this.openedAtMs;
  /** Connecting is a question, too. */
  #sentWhenTaken = -1;
  #heardWhenTaken = 0;
  #heardAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    address: Address,
    private readonly endpoint: Endpoint,
    private readonly options: SessionOptions,
    private readonly onDead: (session: Session) => void,
  ) {
    this.sql = postgres(this.#driverOptions(address));
    this.orm = drizzle(this.sql);
    // The driver's begin writes its ROLLBACK to a socket that is gone when the server ends the connection inside a
    // transaction: an uncaught TypeError that ends the process. Everyone, the query builder too, gets ours.
    this.sql.begin = ((first: unknown, second: unknown) =>
      this.#begin(first, second)) as postgres.Sql['begin'];
  }

  get dead(): boolean {
    return this.#dead;
  }

  get phase(): SessionPhase {
    return this.#phase;
  }

  /**
   * The beginning of a call that asked and has not heard a byte; undefined when it did, asked nothing, or asked a
   * server that knows no limit: a slow statement is then as silent as a frozen server.
   */
  get silentSinceMs(): number | undefined {
    if (this.options.settings === 'none' && this.#phase !== 'opening') return undefined;
    return this.#sent > this.#sentWhenTaken && !this.#hasHeard ? this.#takenAtMs : undefined;
  }

  /** When the server was last known to answer here: at the end of a call that heard it. Monotonic. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** Begins a call. */
  take(): void {
    this.#takenAtMs = performance.now();
    this.#sentWhenTaken = this.#sent;
    this.#heardWhenTaken = this.#heard;
  }

  /** Ends a call. */
  rest(): void {
    if (this.#hasHeard) this.#heardAtMs = performance.now();
  }

  /** Connects. Rejects with the driver's or the server's error. */
  async open(): Promise<ServerFacts> {
    // Asked by where the limits come from, not by what they are: the role may have the same ones by itself, and the
    // URL may ask for others.
    const [row] = await this.sql<{ standby: boolean; read_only: string; limits: number }[]>`
      select pg_is_in_recovery() as standby, current_setting('default_transaction_read_only') as read_only,
             (select count(*)::int from pg_settings where source = 'client'
               and name in ('lock_timeout', 'idle_in_transaction_session_timeout')) as limits`;
    this.#phase = 'ready';
    return {
      takesWrites: row?.standby === false && row.read_only === 'off',
      keepsSettings: row?.limits === 2,
    };
  }

  /** Lets the server give up a statement a little before our own wall does: it answers, and the connection survives. */
  limitStatements(deadlineMs: number): void {
    const limitMs = statementLimitMs(deadlineMs);
    if (this.#statementTimeoutMs === limitMs) return;
    this.#statementTimeoutMs = limitMs;
    // Behind a pooler the setting would stay with a connection that others get next.
    if (this.options.settings === 'none') return;
    // Not awaited: it travels in front of the work's first statement.
    this.sql.unsafe(`set statement_timeout = ${limitMs}`).catch(() => this.destroy());
  }

  /** Runs the work between BEGIN and COMMIT; any error rolls back. Transactions do not nest. */
  async transaction<T>(options: TransactionOptions, work: () => Promise<T>): Promise<T> {
    const { isolation, access } = options;
    const words = [isolation && `isolation level ${isolation}`, access].filter(Boolean);
    return this.#transaction(words.join(' '), work);
  }

  /** Ends the connection in order, within the deadline. */
  async end(deadlineMs: number): Promise<void> {
    if (this.#dead) return;
    await this.sql.end({ timeout: deadlineMs / 1000 }).catch(() => {});
    this.destroy();
  }

  /** Breaks the connection at once; all that waits on it is rejected. A frozen server would never answer a goodbye. */
  destroy(): void {
    if (this.#dead) return;
    this.#dead = true;
    const reject = () => void this.sql.end({ timeout: 0 }).catch(() => {});
    // Only once it is closed: over TLS the driver would write its goodbye to a socket that is gone, an uncaught EBADF
    // that ends the process.
    if (this.#socket === undefined || this.#socket.closed) reject();
    else this.#socket.once('close', reject).destroy();
    this.onDead(this);
  }

  get #hasHeard(): boolean {
    return this.#heard > this.#heardWhenTaken;
  }

  /** Bytes of the socket itself, below TLS. */
  get #heard(): number {
    return this.#socket?.bytesRead ?? 0;
  }

  get #sent(): number {
    return this.#socket?.bytesWritten ?? 0;
  }

  async #begin(first: unknown, second: unknown): Promise<unknown> {
    const words = typeof first === 'string' ? first.replace(/[^a-z ]/gi, '') : '';
    const work = (typeof first === 'string' ? second : first) as (sql: postgres.Sql) => unknown;
    return this.#transaction(words, async () => work(this.sql));
  }

  async #transaction<T>(words: string, work: () => Promise<T>): Promise<T> {
    if (this.#phase !== 'ready')
      throw new Error('A transaction is already open on this connection; they do not nest.');
    try {
      await this.sql.unsafe(`begin ${words}${this.#transactionSettings()}`);
    } catch (error) {
      // PgBouncer gives no reason on the wire.
      const isSilent = this.options.settings === 'none' && errorCode(error) === 'CONNECTION_CLOSED';
      throw isSilent ? new TransactionCutError(error) : error;
    }
    this.#phase = 'in transaction';
    let result: T;
    try {
      result = await work();
    } catch (error) {
      await this.#rollback();
      throw error;
    }
    this.#phase = 'committing';
    const { command } = await this.sql.unsafe('commit');
    this.#phase = 'ready';
    if (command !== 'COMMIT') throw new DatabaseRolledBackError();
    return result;
  }

  /** The session's settings for this transaction alone, where the session cannot have any. */
  #transactionSettings(): string {
    const { settings, lockTimeoutMs, idleInTransactionMs } = this.options;
    if (settings === 'startup') return '';
    const limits = {
      lock_timeout: lockTimeoutMs,
      // A frozen process would keep its row locks behind a pooler as well.
      idle_in_transaction_session_timeout: idleInTransactionMs,
      statement_timeout: this.#statementTimeoutMs ?? 0,
    };
    return Object.entries(limits)
      .map(([name, valueMs]) => `; set local ${name} = ${valueMs}`)
      .join('');
  }

  async #rollback(): Promise<void> {
    if (this.#dead) return;
    try {
      await this.sql.unsafe('rollback');
      this.#phase = 'ready';
    } catch {
      this.destroy();
    }
  }

  #driverOptions(address: Address): postgres.Options<Record<string, postgres.PostgresType>> {
    const { options, endpoint } = this;
    const settings =
      options.settings === 'none'
        ? {}
        : {
            lock_timeout: options.lockTimeoutMs,
            idle_in_transaction_session_timeout: options.idleInTransactionMs,
          };
    const driverOptions = {
      host: endpoint.host,
      port: endpoint.port,
      ...(endpoint.path === undefined ? {} : { path: endpoint.path }),
      database: address.database,
      user: address.user,
      pass: address.password(),
      ssl: this.#tls(address),
      max: 1,
      prepare: options.prepare,
      // Nobody awaits the driver's question for array types: a connection lost during it would end the process.
      fetch_types: false,
      connect_timeout: options.connectTimeoutMs / 1000,
      idle_timeout: null,
      max_lifetime: null,
      debug: false,
      onnotice: () => {},
      onclose: () => this.destroy(),
      socket: () => this.#connect(),
      connection: { application_name: options.applicationName, ...settings, ...address.parameters },
    };
    return driverOptions as unknown as postgres.Options<Record<string, postgres.PostgresType>>;
  }

  #tls(address: Address): unknown {
    const { host, path } = this.endpoint;
    if (path !== undefined) return false;
    // Without the host the driver would compare the certificate of a numeric address with `localhost`.
    return typeof address.tls === 'object' ? { ...address.tls, host } : address.tls;
  }

  // The driver calls this again when a connection breaks before it is ready, without a pause: a hot loop against a
  // proxy that accepts and closes. One life per session ends it.
  #connect(): Socket {
    if (this.#socket)
      throw Object.assign(new Error('the connection was closed'), { code: 'CONNECTION_CLOSED' });
    const { host, port, path } = this.endpoint;
    const socket = path === undefined ? connect({ host, port, noDelay: true }) : connect({ path });
    // The driver names the certificate after `socket.host`.
    this.#socket = Object.assign(socket, { host, port });
    return this.#socket;
  }
}
