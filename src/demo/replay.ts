/** Owns the replay of an event log into a table: every event once, in the order of time, across kills. */
import postgres from 'postgres';
import { type Database, openDatabase } from '../storage/database.js';
import { type EventLog, type LogColumns, type LogEvent, readEventLog } from './event-log.js';
import { type DemoLog, sleep } from './loop.js';
import { ensureDemoTable, REPLAY_COLUMNS, REPLAY_POSITION_COLUMNS } from './schema.js';

export const REPLAY_TABLE = 'public.replay_items';
export const REPLAY_POSITION_TABLE = 'public.replay_position';

const DEADLINE_MS = 30_000;

/** How many times faster than the log's own clock; `unlimited` waits for nothing. */
export type ReplaySpeed = number | 'unlimited';

export interface ReplayOptions {
  readonly file: string;
  /** The database that plays the user's own. */
  readonly url: string;
  /** `name` or `schema.name`; created when missing. Default `public.replay_items`. */
  readonly table?: string;
  readonly columns: LogColumns;
  /** 0.001 to 1,000,000,000, or `unlimited`. */
  readonly speed: ReplaySpeed;
  /**
   * `continue` goes on after the last event that was stored, `restart` empties the table first (each item then
   * leaves it once more). Default `continue`.
   */
  readonly resume?: 'continue' | 'restart';
  /**
   * What becomes of an event that repeats the status of its item at the very same time. A table cannot show it:
   * nothing in the row would change. `spread` writes it one microsecond later, `as-written` writes it unchanged,
   * so that a watcher sees the two events as one. Default `spread`.
   */
  readonly ties?: TieRule;
  /** Events per transaction at most, 1 to 5,000. Default 500. */
  readonly eventsPerTransaction?: number;
  /** Steady clock in milliseconds. */
  readonly nowMs?: () => number;
  readonly signal?: AbortSignal;
  readonly log?: DemoLog;
}

export type TieRule = 'spread' | 'as-written';

export interface ReplayResult {
  /** `stopped` when the signal fired before the last event. */
  readonly outcome: 'finished' | 'stopped';
  /** Events of the log. */
  readonly events: number;
  /** Events that an earlier run had stored. */
  readonly resumedAt: number;
  /** Events stored by this run. */
  readonly written: number;
  readonly items: number;
  readonly statuses: readonly string[];
  /** Events written a microsecond or more after their own time, see `ties`. */
  readonly spread: number;
}

/** The stored position belongs to another file or to other columns. */
export class ReplayMismatchError extends Error {
  readonly code = 'REPLAY_OTHER_LOG';
}
/** Another replay moved the position meanwhile; nothing of this transaction was stored. */
export class ReplayBusyError extends Error {
  readonly code = 'REPLAY_BUSY';
}
/** The database failed. What was stored is known there: the same call goes on behind it. */
export class ReplayInterruptedError extends Error {
  readonly code = 'REPLAY_INTERRUPTED';
  constructor(
    message: string,
    /** True once the starting position was stored: a `restart` must not be asked for again. */
    readonly opened: boolean,
    options: ErrorOptions,
  ) {
    super(message, options);
  }
}
/** An option is out of bounds. */
export class ReplayOptionError extends Error {
  readonly code = 'REPLAY_OPTION_INVALID';
}

/** One event as it will be stored. */
export interface Step extends LogEvent {
  /** Moment written to `moved_at`, in microseconds since the epoch. */
  readonly movedUs: number;
}

/**
 * Plays the log. The file is read and checked as a whole before the first row is written.
 * @throws EventLogError, ForeignTableError, ReplayMismatchError, ReplayBusyError, ReplayInterruptedError,
 * ReplayOptionError
 */
export async function replay(options: ReplayOptions): Promise<ReplayResult> {
  const batch = bounded('eventsPerTransaction', options.eventsPerTransaction ?? 500, 1, 5_000);
  const speed = options.speed === 'unlimited' ? options.speed : bounded('speed', options.speed, 0.001, 1e9);
  const table = options.table ?? REPLAY_TABLE;
  const signal = options.signal ?? new AbortController().signal;
  const nowMs = options.nowMs ?? (() => performance.now());
  const log = await readEventLog(options.file, options.columns);
  const steps = planSteps(log.events, options.ties ?? 'spread');

  const database = connect(options.url);
  let opened = false;
  try {
    const resumedAt = await database.transaction('open the replay', DEADLINE_MS, {}, async (sql) => {
      await createTables(sql, table);
      return startingPosition(sql, table, log, options.resume ?? 'continue');
    });
    opened = true;
    options.log?.info({ events: steps.length, resumedAt, table }, 'replay started');
    let position = resumedAt;
    const anchorMs = nowMs();
    const anchorUs = steps[position]?.timeUs ?? 0;
    while (position < steps.length && !signal.aborted) {
      const logUs = speed === 'unlimited' ? Infinity : anchorUs + (nowMs() - anchorMs) * 1000 * speed;
      const end = dueEnd(steps, position, logUs, batch);
      if (end === position) {
        // In pieces: a timer of more than 24.8 days would fire at once.
        await sleep(
          Math.min((steps[position]!.timeUs - logUs) / 1000 / Number(speed) + 1, 3_600_000),
          signal,
        );
        continue;
      }
      await database.transaction('store events', DEADLINE_MS, {}, (sql) =>
        store(sql, table, steps, position, end),
      );
      position = end;
    }
    return {
      outcome: position === steps.length ? 'finished' : 'stopped',
      events: steps.length,
      resumedAt,
      written: position - resumedAt,
      items: new Set(log.events.map((event) => event.item)).size,
      statuses: log.statuses,
      spread: steps.filter((step) => step.movedUs !== step.timeUs).length,
    };
  } catch (error) {
    if (!isDatabaseFailure(error)) throw error;
    throw new ReplayInterruptedError(
      `the database failed (${error.code}) during the replay into ${table}; start the same replay again, it goes on where it stopped`,
      opened,
      { cause: error },
    );
  } finally {
    await database.close(2_000);
  }
}

/** Creates the empty tables of a replay, so that a watcher can be set on them before the first event. */
export async function prepareReplay(url: string, table = REPLAY_TABLE): Promise<void> {
  const database = connect(url);
  try {
    await database.transaction('create the replay tables', DEADLINE_MS, {}, (sql) =>
      createTables(sql, table),
    );
  } finally {
    await database.close(2_000);
  }
}

/** `100000x`, `100000` or `unlimited`. @throws ReplayOptionError */
export function parseReplaySpeed(text: string): ReplaySpeed {
  if (text === 'unlimited') return text;
  const match = /^(\d+(?:\.\d+)?)x?$/.exec(text);
  if (match === null) {
    throw new ReplayOptionError(`speed is ${JSON.stringify(text)}; write for example 100000x, or unlimited`);
  }
  return bounded('speed', Number(match[1]), 0.001, 1e9);
}

/** The moment under which each event is stored: its own, and under `spread` never that of an equal predecessor. */
export function planSteps(events: readonly LogEvent[], ties: TieRule): Step[] {
  const last = new Map<string, { status: string; movedUs: number }>();
  return events.map((event) => {
    const before = last.get(event.item);
    let movedUs = event.timeUs;
    if (ties === 'spread' && before !== undefined) {
      // An earlier spread may have passed this event's time; the table's clock must not run backwards.
      movedUs = Math.max(movedUs, before.status === event.status ? before.movedUs + 1 : before.movedUs);
    }
    last.set(event.item, { status: event.status, movedUs });
    return { ...event, movedUs };
  });
}

function connect(url: string): Database {
  return openDatabase({ url, role: 'source', max: 1, applicationName: 'flowgauge-replay' });
}

async function createTables(sql: postgres.Sql, table: string): Promise<void> {
  await ensureDemoTable(sql, table, REPLAY_COLUMNS);
  await ensureDemoTable(sql, REPLAY_POSITION_TABLE, REPLAY_POSITION_COLUMNS);
}

function dueEnd(steps: readonly Step[], from: number, logUs: number, batch: number): number {
  let end = from;
  while (end < steps.length && end - from < batch && steps[end]!.timeUs <= logUs) end += 1;
  return end;
}

async function startingPosition(
  sql: postgres.Sql,
  table: string,
  log: EventLog,
  resume: 'continue' | 'restart',
): Promise<number> {
  if (resume === 'restart') {
    // DELETE and not TRUNCATE, which no row trigger sees.
    await sql`DELETE FROM ${sql(table)}`;
    await sql`DELETE FROM ${sql(REPLAY_POSITION_TABLE)} WHERE replay = ${table}`;
  }
  await sql`
    INSERT INTO ${sql(REPLAY_POSITION_TABLE)} (replay, log_digest, events)
    VALUES (${table}, ${log.digest}, 0) ON CONFLICT (replay) DO NOTHING`;
  const [stored] = await sql<{ log_digest: string; events: string }[]>`
    SELECT log_digest, events FROM ${sql(REPLAY_POSITION_TABLE)} WHERE replay = ${table}`;
  if (stored?.log_digest === log.digest) return Number(stored.events);
  throw new ReplayMismatchError(
    `${table} holds a replay of another file or of other columns; choose another table, or restart to empty it`,
  );
}

/** Stores the events `from` to `end` beside the new position; the caller's transaction keeps both or neither. */
async function store(
  sql: postgres.Sql,
  table: string,
  steps: readonly Step[],
  from: number,
  end: number,
): Promise<void> {
  const moved = await sql`
    UPDATE ${sql(REPLAY_POSITION_TABLE)} SET events = ${end} WHERE replay = ${table} AND events = ${from}`;
  if (moved.count !== 1) {
    throw new ReplayBusyError(`another replay into ${table} is running; let it end, or choose another table`);
  }
  for (const run of distinctRuns(steps, from, end)) {
    const rows = run.map(({ step, eventNo }) => [step.item, step.status, isoOf(step.movedUs), eventNo]);
    // As JSON: array parameters work only while the driver has asked the server for its array types.
    await sql`
      INSERT INTO ${sql(table)} (item, status, moved_at, created_at, event_no)
      SELECT e ->> 0, e ->> 1, (e ->> 2)::timestamptz, (e ->> 2)::timestamptz, (e ->> 3)::bigint
      FROM json_array_elements(${JSON.stringify(rows)}::text::json) AS e
      ON CONFLICT (item) DO UPDATE
      SET status = excluded.status, moved_at = excluded.moved_at, event_no = excluded.event_no`;
  }
}

/** Cuts the events into statements: no item twice in one, or the middle one of three states would never exist. */
function distinctRuns(steps: readonly Step[], from: number, end: number) {
  const runs: { step: Step; eventNo: number }[][] = [];
  let items = new Set<string>();
  for (let at = from; at < end; at++) {
    const step = steps[at]!;
    if (runs.length === 0 || items.has(step.item)) {
      runs.push([]);
      items = new Set();
    }
    items.add(step.item);
    runs.at(-1)!.push({ step, eventNo: at + 1 });
  }
  return runs;
}

/** ISO 8601 with microseconds, which a Date does not hold. */
function isoOf(us: number): string {
  const seconds = Math.floor(us / 1e6);
  const fraction = String(us - seconds * 1e6).padStart(6, '0');
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
}

/** Failures of the connection, not of the statement: those that another attempt can overcome. */
function isDatabaseFailure(error: unknown): error is Error & { code: string } {
  if (error instanceof postgres.PostgresError) return /^(08|40|53|57)/.test(error.code);
  return error instanceof Error && 'code' in error && String(error.code).startsWith('DATABASE_');
}

function bounded(option: string, value: number, min: number, max: number): number {
  if (value >= min && value <= max) return value;
  throw new ReplayOptionError(`${option} must be from ${min} to ${max}, got ${value}`);
}
