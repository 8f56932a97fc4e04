/** Owns putting the journal into the source and taking it out, so that no statement of the application waits long. */
import { setTimeout as pause } from 'node:timers/promises';
import type postgres from 'postgres';
import type { Flow } from '../flows/flow.js';
import { arrayText } from '../storage/array-text.js';
import { CAPTURE_SCHEMA, CAPTURED_STATEMENTS, journalNames } from './journal-names.js';
import {
  attachToSql,
  detachFromSql,
  everyTableOf,
  fingerprint,
  type InstallOptions,
  prepareSql,
  type TableRef,
  uninstallAllSql,
  uninstallSql,
} from './journal-sql.js';

/** Longest wait for a lock, which is also how long writers can queue behind ours. Milliseconds. */
const LOCK_TIMEOUT_MS = 400;
const DEFAULT_ATTEMPTS = 20;
/** Pause between two attempts: at least this, at most three times it, so that queued writers get through. */
const RETRY_PAUSE_MS = 250;
/** Lock not available, deadlock, and two installers meeting: each is gone a moment later. */
const PASSING_STATES = new Set(['55P03', '40P01', '40001', '23505', '42P07', '42710', '42P06', 'XX000']);

export interface Retries {
  /** Attempts per step, 1 or more. Default 20. */
  readonly attempts?: number;
  /** Random number in [0, 1) for the pause between attempts. Default Math.random. */
  readonly random?: () => number;
}

/** Who holds the lock that we did not get. */
export interface Blocker {
  readonly pid: number;
  readonly applicationName: string;
  /** Age of its transaction in seconds. */
  readonly ageSeconds: number;
}

/** A table of the flow that is not captured as it should be. */
export interface UncapturedTable extends TableRef {
  readonly missing: readonly string[];
  readonly disabled: readonly string[];
}

export const INSTALLATION_STATES = ['missing', 'outdated', 'disabled', 'current'] as const;

export interface InstallationStatus {
  /**
   * `missing`: nothing captures the watched table. `outdated`: other programs than this version's, a part is gone, or
   * a partition is not captured. `disabled`: a trigger was switched off. `current`: all is as `install` leaves it.
   */
  readonly state: (typeof INSTALLATION_STATES)[number];
  /**
   * `all`: every statement on any table of the flow is captured. `some`: those on the watched table are, and through
   * it those on its partitions, but direct ones on a partition named in `uncaptured` are not. `none`: otherwise.
   */
  readonly captures: 'all' | 'some' | 'none';
  /** Whether the programs are this version's for this flow; `broken`: a part is gone, so every capture is a fault. */
  readonly programs: 'current' | 'outdated' | 'broken';
  /** Tables without all triggers; the watched table itself may be among them. */
  readonly uncaptured: readonly UncapturedTable[];
  /** Tables that still feed the journal and are no longer part of the flow, such as a detached partition. */
  readonly strays: readonly TableRef[];
}

/** Another transaction keeps the table locked. Remedy: end it, or run the installation at a quieter time. */
export class InstallBlockedError extends Error {
  readonly code = 'INSTALL_BLOCKED';
  constructor(
    what: string,
    readonly blockers: readonly Blocker[],
    cause: unknown,
  ) {
    const who = blockers.map(
      (b) =>
        `process ${b.pid} (${b.applicationName || 'no application name'}), in a transaction for ${Math.round(b.ageSeconds)} s`,
    );
    super(
      `${what} could not be locked: it is held by ${who.join('; ') || 'a transaction that has ended by now'}. Wait for it or end it with pg_terminate_backend(pid), then run the installation again.`,
      { cause },
    );
    this.name = 'InstallBlockedError';
  }
}

/** The journal is there and this role may not read it. Remedy: give it the rights with `--reader`. */
export class JournalForbiddenError extends Error {
  readonly code = 'JOURNAL_FORBIDDEN';
  constructor(flow: string, cause: Error) {
    super(
      `The journal of flow ${flow} is installed, but this role may not read it (${cause.message}). With the account that installed it, run: flowgauge install --apply --reader=<this role>`,
      { cause },
    );
    this.name = 'JournalForbiddenError';
  }
}

/**
 * Makes, repairs or updates the journal of a flow; what it holds stays. Each table is attached in a transaction of
 * its own. Throws InstallBlockedError after the last attempt, and the server's error for a missing right.
 */
export async function install(
  sql: postgres.Sql,
  flow: Flow,
  options: InstallOptions & Retries,
): Promise<void> {
  await step(sql, prepareSql(flow, options), `The schema ${CAPTURE_SCHEMA}`, options);
  for (const table of await tablesOf(sql, flow)) {
    await step(sql, [attachToSql(flow, table)], nameOf(table), options, table);
  }
  const { strays } = await installationStatus(sql, flow);
  for (const table of strays) {
    await step(sql, [detachFromSql(flow, table)], nameOf(table), options, table);
  }
}

/** Removes the journal of one flow, or of all with everything else of ours. Repeating it is harmless. */
export async function uninstall(
  sql: postgres.Sql,
  flow?: Pick<Flow, 'name'>,
  retries: Retries = {},
): Promise<void> {
  const flows = flow === undefined ? await installedFlows(sql) : [flow];
  for (const each of flows) {
    // One function at a time: a transaction that holds several tables locked could meet one of the application's.
    for (const statement of uninstallSql(each)) {
      await step(sql, [statement], `A table of flow ${each.name}`, retries);
    }
  }
  if (flow === undefined) await step(sql, uninstallAllSql(), `The schema ${CAPTURE_SCHEMA}`, retries);
}

/** How the flow's journal stands. Reads the catalog and our own schema only. Throws JournalForbiddenError. */
export async function installationStatus(sql: postgres.Sql, flow: Flow): Promise<InstallationStatus> {
  try {
    return await readStatus(sql, flow);
  } catch (error) {
    const state = (error as { code?: unknown }).code;
    throw state === '42501' ? new JournalForbiddenError(flow.name, error as Error) : error;
  }
}

async function readStatus(sql: postgres.Sql, flow: Flow): Promise<InstallationStatus> {
  const names = journalNames(flow);
  const wanted = CAPTURED_STATEMENTS.map((s) => names.functions[s]);
  const tables = await tablesOf(sql, flow);
  const triggers = await sql<{ schema: string; name: string; trigger: string; enabled: string }[]>`
    select n.nspname as schema, c.relname as name, t.tgname as trigger, t.tgenabled as enabled
    from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
    join pg_proc p on p.oid = t.tgfoid join pg_namespace pn on pn.oid = p.pronamespace
    where pn.nspname = ${CAPTURE_SCHEMA} and p.proname = any(${arrayText(wanted)}::text::text[]) and not t.tgisinternal`;
  const uncaptured: UncapturedTable[] = [];
  for (const table of tables) {
    const own = new Map(triggers.filter((t) => sameTable(t, table)).map((t) => [t.trigger, t.enabled]));
    const missing = wanted.filter((name) => !own.has(name));
    const disabled = wanted.filter((name) => own.get(name) === 'D' || own.get(name) === 'R');
    if (missing.length + disabled.length > 0) uncaptured.push({ ...table, missing, disabled });
  }
  const fed = [...new Map(triggers.map((t) => [nameOf(t), { schema: t.schema, name: t.name }])).values()];
  const strays = fed.filter((t) => !tables.some((table) => sameTable(t, table)));
  const root = uncaptured.find((t) => sameTable(t, flow.table));
  const bare = root?.missing.length === wanted.length;
  if (bare || (await isMissing(sql)))
    return { state: 'missing', captures: 'none', programs: 'broken', uncaptured, strays };
  const journal = await journalState(sql, flow);
  const works = journal !== 'broken' && root === undefined;
  const captures = !works ? 'none' : uncaptured.length > 0 ? 'some' : 'all';
  const complete =
    journal === 'current' && strays.length === 0 && uncaptured.every((t) => t.missing.length === 0);
  const state = !complete ? 'outdated' : uncaptured.length > 0 ? 'disabled' : 'current';
  return { state, captures, programs: journal, uncaptured, strays };
}

async function isMissing(sql: postgres.Sql): Promise<boolean> {
  const [row] = await sql<{ there: boolean }[]>`
    select to_regclass(${`${CAPTURE_SCHEMA}.installation`}) is not null as there`;
  return !row!.there;
}

/** `broken`: a part is gone, so every capture is a fault. `outdated`: it works, with other programs than ours. */
async function journalState(sql: postgres.Sql, flow: Flow): Promise<'current' | 'outdated' | 'broken'> {
  const names = journalNames(flow);
  const [row] = await sql<{ fingerprint: string | null; parts: number }[]>`
    select (select i.fingerprint from flowgauge_capture.installation i where i.flow = ${flow.name}) as fingerprint,
      (select count(*)::int from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = ${CAPTURE_SCHEMA} and c.relname = any(${arrayText([names.journal, names.ids, names.faults])}::text::text[])) as parts`;
  if (row!.parts < 3 || row!.fingerprint === null) return 'broken';
  return row!.fingerprint === fingerprint(flow) ? 'current' : 'outdated';
}

async function tablesOf(sql: postgres.Sql, flow: Flow): Promise<TableRef[]> {
  return sql.unsafe<TableRef[]>(
    `select n.nspname as schema, c.relname as name from (${everyTableOf(flow)}) t
     join pg_class c on c.oid = t.oid join pg_namespace n on n.oid = c.relnamespace order by t.oid`,
  );
}

async function installedFlows(sql: postgres.Sql): Promise<{ name: string }[]> {
  if (await isMissing(sql)) return [];
  return sql<{ name: string }[]>`select flow as name from flowgauge_capture.installation order by flow`;
}

/** One short transaction, tried again while somebody else is in the way. */
async function step(
  sql: postgres.Sql,
  statements: readonly string[],
  what: string,
  retries: Retries,
  table?: TableRef,
): Promise<void> {
  const attempts = retries.attempts ?? DEFAULT_ATTEMPTS;
  const random = retries.random ?? Math.random;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await sql.begin(async (tx) => {
        await tx.unsafe(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
        // A waiter cancels an autovacuum that is in its way only after deadlock_timeout, which is longer than we wait.
        await tx.unsafe(
          `select set_config('deadlock_timeout', '${LOCK_TIMEOUT_MS / 2}', true) from pg_roles where rolname = current_user and rolsuper`,
        );
        for (const statement of statements) await tx.unsafe(statement);
      });
      return;
    } catch (error) {
      const state = (error as { code?: unknown }).code;
      if (typeof state !== 'string' || !PASSING_STATES.has(state)) throw error;
      if (attempt >= attempts) {
        if (state !== '55P03') throw error;
        throw new InstallBlockedError(what, await blockersOf(sql, table), error);
      }
      await pause(RETRY_PAUSE_MS * (1 + 2 * random()));
    }
  }
}

/** Sessions that hold a lock writers hold, oldest transaction first; of every watched table when none is named. */
async function blockersOf(sql: postgres.Sql, table: TableRef | undefined): Promise<Blocker[]> {
  const rows = await sql<{ pid: number; application: string; age: number }[]>`
    select distinct a.pid, coalesce(nullif(a.application_name, ''), a.backend_type, '') as application,
      coalesce(extract(epoch from clock_timestamp() - a.xact_start), 0)::float8 as age
    from pg_locks l join pg_stat_activity a on a.pid = l.pid
    join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
    where l.locktype = 'relation' and l.granted and a.pid <> pg_backend_pid()
      and l.database = (select oid from pg_database where datname = current_database())
      and case when ${table?.name ?? null}::text is null
        then exists (select from pg_trigger t join pg_proc p on p.oid = t.tgfoid
          join pg_namespace pn on pn.oid = p.pronamespace
          where t.tgrelid = c.oid and pn.nspname = ${CAPTURE_SCHEMA}) or n.nspname = ${CAPTURE_SCHEMA}
        else n.nspname = ${table?.schema ?? null} and c.relname = ${table?.name ?? null}
          and l.mode not in ('AccessShareLock', 'RowShareLock') end
    order by age desc limit 5`;
  return rows.map((r) => ({ pid: r.pid, applicationName: r.application, ageSeconds: r.age }));
}

function sameTable(a: TableRef, b: TableRef): boolean {
  return a.schema === b.schema && a.name === b.name;
}

function nameOf(table: TableRef): string {
  return `${table.schema}.${table.name}`;
}
