/** Owns the record of administration in the store, and the keys by which a repeated call is known. */
import type postgres from 'postgres';
import type { Database } from './database.js';

const DEADLINE_MS = 5_000;
const KEEP_DAYS = 365;
/** The shortest time that the table allows. */
const KEEP_DENIED_DAYS = 30;
const DELETE_ROWS = 1_000;
/** Passes of one forgetting: in an hour they delete more than twice what the most refused calls of an hour can write. */
const MOST_PASSES = 10;

/** One line of the record. */
export interface AuditEntry {
  readonly caller: string;
  /** Address of the other side of the socket. */
  readonly remote: string;
  readonly method: string;
  readonly route: string;
  readonly phase: 'denied' | 'begun' | 'done' | 'failed';
  /** The caller's own words. */
  readonly reason: string | undefined;
  readonly requestId: string | undefined;
  readonly key: string | undefined;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** What became of a key: it is new, its first call was answered, is under way or unknown, or asked for something else. */
export type KeyClaim =
  | { readonly kind: 'new' | 'open' | 'other' }
  | { readonly kind: 'answered'; readonly answer: unknown };

/** Appends a line. */
export async function appendAudit(db: Database, entry: AuditEntry): Promise<void> {
  await db.run('append to the record of administration', DEADLINE_MS, (sql) => append(sql, entry));
}

/**
 * Takes the key of a call, if it has one, and writes down that it begins: both or neither, so that a call without a
 * record can come again. Of any number at once with one key exactly one gets `new`. `digest` stands for the request.
 */
export async function beginCall(db: Database, entry: AuditEntry, digest: string): Promise<KeyClaim> {
  return db.transaction('begin a call of administration', DEADLINE_MS, {}, async (sql) => {
    const claim: KeyClaim =
      entry.key === undefined ? { kind: 'new' } : await claimKey(sql, entry.caller, entry.key, digest);
    if (claim.kind === 'new') await append(sql, entry);
    return claim;
  });
}

/** Writes down that a call was done, and keeps its answer for whoever asks with its key again. */
export async function endCall(db: Database, entry: AuditEntry, answer: unknown): Promise<void> {
  await db.transaction('end a call of administration', DEADLINE_MS, {}, async (sql) => {
    await append(sql, entry);
    if (entry.key === undefined) return;
    await sql`update flowgauge.admin_keys set answer = ${JSON.stringify(answer)}::text::jsonb
               where caller = ${entry.caller} and key = ${entry.key}`;
  });
}

/** Writes down that a call failed, and frees its key: whoever sends it again means it. */
export async function failCall(db: Database, entry: AuditEntry): Promise<void> {
  await db.transaction('end a failed call of administration', DEADLINE_MS, {}, async (sql) => {
    await append(sql, entry);
    if (entry.key === undefined) return;
    await sql`delete from flowgauge.admin_keys where caller = ${entry.caller} and key = ${entry.key}`;
  });
}

/**
 * Deletes a bounded part of what is too old: keys after a day, lines of the record after a year, those of refused calls
 * after 30 days.
 */
export async function forgetAudit(db: Database, signal: AbortSignal): Promise<void> {
  await db.run('forget old keys of administration', DEADLINE_MS, async (sql) => {
    await sql`delete from flowgauge.admin_keys where at < clock_timestamp() - interval '24 hours'`;
  });
  for (let pass = 0; pass < MOST_PASSES; pass += 1) {
    signal.throwIfAborted();
    if ((await forgetLines(db)) < DELETE_ROWS) return;
  }
}

async function append(sql: postgres.Sql, entry: AuditEntry): Promise<void> {
  await sql`
    insert into flowgauge.admin_audit (caller, remote, method, route, phase, reason, request_id, idempotency_key, detail)
    values (${entry.caller}, ${entry.remote}, ${entry.method}, ${entry.route}, ${entry.phase}, ${entry.reason ?? null},
            ${entry.requestId ?? null}, ${entry.key ?? null}, ${JSON.stringify(entry.detail)}::text::jsonb)`;
}

async function claimKey(sql: postgres.Sql, caller: string, key: string, digest: string): Promise<KeyClaim> {
  const made = await sql`
    insert into flowgauge.admin_keys (caller, key, request) values (${caller}, ${key}, ${digest})
    on conflict do nothing returning key`;
  if (made.length > 0) return { kind: 'new' };
  const [row] = await sql<{ request: string; answer: string | null }[]>`
    select request, answer::text as answer from flowgauge.admin_keys where caller = ${caller} and key = ${key}`;
  if (row === undefined || row.request !== digest) return { kind: 'other' };
  return row.answer === null ? { kind: 'open' } : { kind: 'answered', answer: JSON.parse(row.answer) };
}

/** Small steps, so that no lock is held for long; the condition by time alone lets the index find them. */
function forgetLines(db: Database): Promise<number> {
  return db.run('forget old administration', DEADLINE_MS, async (sql) => {
    const gone = await sql`delete from flowgauge.admin_audit where id in (
      select id from flowgauge.admin_audit
       where at < clock_timestamp() - make_interval(days => ${KEEP_DENIED_DAYS}::int)
         and (phase = 'denied' or at < clock_timestamp() - make_interval(days => ${KEEP_DAYS}::int))
       order by at limit ${DELETE_ROWS}::int)`;
    return gone.count;
  });
}
