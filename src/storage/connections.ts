/** Owns the few connections to one database: who gets one, who waits, which endpoint is tried, which are thrown away. */
import type { Address } from './address.js';
import {
  DatabaseClosedError,
  DatabaseReadOnlyError,
  DatabaseUnavailableError,
  errorCode,
  isRefusedStartupSetting,
  type Outcome,
} from './database-errors.js';
import { type ServerFacts, Session, type SessionOptions } from './session.js';

/** One call on its way through: `session` is set as soon as one exists, so that the deadline can break it. */
export interface Call {
  readonly name: string;
  readonly deadlineMs: number;
  readonly kind: 'run' | 'transaction';
  expired: boolean;
  session: Session | undefined;
  leaveQueue: (() => void) | undefined;
}

/** What the owner of the connections wants to hear and decide. */
export interface ConnectionsOptions {
  readonly max: number;
  readonly needsWrites: boolean;
  readonly session: SessionOptions;
  /** Names the database in messages. */
  readonly where: string;
  readonly onEvent: (kind: 'connected' | 'disconnected' | 'pooler') => void;
}

/** A connection older than this is replaced when it comes back: a long-lived backend only ever grows. */
const LONGEST_LIFE_MS = 30 * 60_000;

/** At most `max` sessions; callers beyond them wait in line. */
export class Connections {
  #closing = false;
  #turn = 0;
  #sessionOptions: SessionOptions;
  readonly #sessions = new Set<Session>();
  readonly #idle: Session[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(
    private readonly address: Address,
    private readonly options: ConnectionsOptions,
  ) {
    this.#sessionOptions = options.session;
  }

  /** A session for the call alone; give it back with {@link release}. Waits without limit: the caller has the clock. */
  async acquire(call: Call): Promise<Session> {
    for (;;) {
      if (this.#closing || call.expired) {
        // The wake-up that this call no longer needs belongs to the next in line.
        this.#wakeOne();
        throw new DatabaseClosedError(call.name);
      }
      const idle = this.#idle.pop();
      if (idle) {
        call.session = idle;
        idle.take();
        return idle;
      }
      if (this.#sessions.size < this.options.max) return this.#open(call);
      await this.#wait(call);
    }
  }

  /** Takes a session back; one that is broken, worn or still inside a transaction is not used again. */
  release(session: Session): void {
    if (session.dead) return;
    session.rest();
    const worn = performance.now() - session.openedAtMs > LONGEST_LIFE_MS;
    if (this.#closing || worn || session.phase !== 'ready') {
      void session.end(1000);
      return;
    }
    this.#idle.push(session);
    this.#wakeOne();
  }

  /** Breaks every connection and begins with the next endpoint: what we are connected to is the wrong server. */
  abandonServer(): void {
    this.#turn += 1;
    this.dropAll();
  }

  /**
   * Breaks the connections that nobody uses and that were not heard since the server fell silent on another one: what
   * swallowed that call will swallow the next on each of them.
   */
  dropUnheard(silentSinceMs: number): void {
    for (const session of this.#idle.filter(({ heardAtMs }) => heardAtMs < silentSinceMs)) session.destroy();
  }

  /** Breaks every connection; work on them is rejected. */
  dropAll(): void {
    for (const session of [...this.#sessions]) session.destroy();
  }

  /** From now on neither startup settings nor prepared statements: a pooler is in between. */
  usePlainSessions(): void {
    if (this.#sessionOptions.settings === 'none') return;
    this.#sessionOptions = { ...this.#sessionOptions, settings: 'none', prepare: false };
    this.options.onEvent('pooler');
  }

  /** Turns away new callers, waits for the sessions in use, breaks the rest after `deadlineMs`. */
  async close(deadlineMs: number): Promise<void> {
    this.#closing = true;
    for (const wake of [...this.#waiting]) wake();
    const endsAtMs = performance.now() + deadlineMs;
    await Promise.all(this.#idle.splice(0).map((session) => session.end(deadlineMs)));
    while (this.#sessions.size > 0 && performance.now() < endsAtMs) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    this.dropAll();
  }

  /** Our error for a connection that could not be made or broke. */
  unavailable(call: Call, error: unknown): DatabaseUnavailableError {
    const reason = errorCode(error) ?? 'UNKNOWN';
    return new DatabaseUnavailableError(call.name, this.options.where, reason, outcomeOf(call), error);
  }

  #wait(call: Call): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        call.leaveQueue = undefined;
        resolve();
      };
      call.leaveQueue = wake;
      this.#waiting.add(wake);
    });
  }

  /** Tries each endpoint once, beginning with the one that served last. */
  async #open(call: Call): Promise<Session> {
    for (let tried = 1; ; tried += 1) {
      try {
        return await this.#openHere(call);
      } catch (error) {
        this.#turn += 1;
        if (call.expired || this.#closing || tried >= this.address.endpoints.length) throw error;
      }
    }
  }

  async #openHere(call: Call): Promise<Session> {
    const { endpoints } = this.address;
    const endpoint = endpoints[this.#turn % endpoints.length]!;
    // As they are now: another call may find the pooler while this one connects.
    const options = this.#sessionOptions;
    const session = new Session(this.address, endpoint, options, (dead) => this.#forget(dead));
    this.#sessions.add(session);
    call.session = session;
    let facts: ServerFacts;
    try {
      facts = await session.open();
      if (this.options.needsWrites && !facts.takesWrites) {
        throw new DatabaseReadOnlyError(call.name, this.options.where);
      }
    } catch (error) {
      session.destroy();
      if (error instanceof DatabaseReadOnlyError) throw error;
      if (!isRefusedStartupSetting(error) || options.settings === 'none') throw this.unavailable(call, error);
      return this.#openPlainHere(call);
    }
    if (options.settings === 'startup' && !facts.keepsSettings) {
      session.destroy();
      return this.#openPlainHere(call);
    }
    this.options.onEvent('connected');
    return session;
  }

  #openPlainHere(call: Call): Promise<Session> {
    this.usePlainSessions();
    return this.#openHere(call);
  }

  #forget(session: Session): void {
    this.#sessions.delete(session);
    const place = this.#idle.indexOf(session);
    if (place >= 0) this.#idle.splice(place, 1);
    if (session.phase !== 'opening') this.options.onEvent('disconnected');
    this.#wakeOne();
  }

  #wakeOne(): void {
    const [wake] = this.#waiting;
    wake?.();
  }
}

/** What is certain about the effect of a call that ends now. */
export function outcomeOf(call: Call): Outcome {
  const phase = call.session?.phase ?? 'opening';
  if (phase === 'opening') return 'not-applied';
  return call.kind === 'transaction' && phase === 'in transaction' ? 'not-applied' : 'unknown';
}
